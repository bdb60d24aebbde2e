# A clean Debian with the packages, and an application built on them. deb_test.py runs it by docker/rehearse.
FROM debian:bookworm-slim
COPY packages /packages
RUN apt-get update && apt-get install -y --no-install-recommends /packages/libonce1.deb
RUN apt-get install -y --no-install-recommends /packages/libonce-dev.deb cmake g++ libgtest-dev make protobuf-compiler
WORKDIR /app
COPY page_counter .
RUN cmake -B build && cmake --build build && ctest --test-dir build --output-on-failure
RUN mkdir /var/lib/once
VOLUME /var/lib/once
ENTRYPOINT ["/app/build/page_counter"]
