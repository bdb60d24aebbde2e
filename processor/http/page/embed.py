"""Writes a C++ file with the page's files in it, each as it is and compressed.

  embed.py --out=FILE FILE...

They are served by their names; index.html at "/".
"""

import argparse
import gzip
import hashlib
import os

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
LINE = 100


def literal(data):
    """Bytes as C++ string literals, in lines."""
    plain = set(range(0x20, 0x7f)) - set(b'"\\?')
    lines = []
    for start in range(0, len(data), LINE):
        lines.append('"%s"' % "".join(chr(b) if b in plain else "\\%03o" % b for b in data[start:start + LINE]))
    return "\n    ".join(lines) or '""'


def entry(path):
    name = os.path.basename(path)
    with open(path, "rb") as file:
        data = file.read()
    # Without the time, so that one source makes one file.
    packed = gzip.compress(data, 9, mtime=0)
    texts = {
        "path": '"/%s"' % ("" if name == "index.html" else name),
        "content_type": '"%s"' % TYPES[os.path.splitext(name)[1]],
        "etag": '"\\"%s\\""' % hashlib.sha256(data).hexdigest()[:20],
        "text": "std::string_view(%s, %d)" % (literal(data), len(data)),
        "gzipped": "std::string_view(%s, %d)" % (literal(packed), len(packed)),
    }
    return "    {%s},\n" % ",\n     ".join(".%s = %s" % each for each in texts.items())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True)
    parser.add_argument("files", nargs="+")
    options = parser.parse_args()
    files = sorted(options.files, key=os.path.basename)
    with open(options.out, "w", encoding="ascii") as out:
        out.write('#include "processor/http/page/page.h"\n\nnamespace once::http {\n\nnamespace {\n\n')
        out.write("constexpr PageFile kFiles[] = {\n%s};\n\n" % "".join(entry(path) for path in files))
        out.write("}  // namespace\n\nstd::span<const PageFile> PageFiles() { return kFiles; }\n\n}  // namespace once::http\n")


main()
