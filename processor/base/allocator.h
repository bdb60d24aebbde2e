// The allocator that the process runs with.
#ifndef ONCE_PROCESSOR_BASE_ALLOCATOR_H_
#define ONCE_PROCESSOR_BASE_ALLOCATOR_H_

#include <cstddef>
#include <cstdint>
#include <string>

namespace once {

// "tcmalloc (gperftools 2.10)", which programs are linked with unless their build says otherwise, "jemalloc",
// "mimalloc" or "glibc malloc": what is in force, however it came into the process.
std::string AllocatorName();

// Gives memory that nobody uses back to the machine, if there are more than `most` bytes of it and the allocator is
// tcmalloc, which by itself does so very slowly. Returns how many bytes there were, 0 if it did nothing.
size_t ReleaseFreeMemory(size_t most);

// What the process has in memory now, its program and stacks included, in bytes; 0 if the system does not tell.
int64_t ResidentBytes();

// Suits glibc's malloc, if that is in force, to a process that allocates and frees small pieces by the million, many of
// them on another thread: freed ones are merged at once instead of in sweeps, and what is free is kept for the next
// fetch instead of being returned to the system each time. Does nothing with another allocator, nor where the
// environment sets glibc's own (GLIBC_TUNABLES, MALLOC_TRIM_THRESHOLD_ and the like). Call it before other threads
// start.
void TuneAllocator();

}  // namespace once

#endif  // ONCE_PROCESSOR_BASE_ALLOCATOR_H_
