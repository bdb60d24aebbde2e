// The notes of workers in a mapped file, and the deaths counted from them in a file of text beside it.
#include "processor/runtime/crash_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "processor/base/private_file.h"

namespace once {

namespace {

constexpr char kNotesFile[] = "/handling";
constexpr char kDeathsFile[] = "/deaths";
// Of the notes' file; another one begins anew.
constexpr uint64_t kMagic = 0x4f4e434548444c32;  // "ONCEHDL2"

// Before the notes; behind them the input topics' names, a line each.
struct Header {
  uint64_t magic;
  uint32_t workers;
  uint32_t reserved;
};
static_assert(sizeof(Header) % alignof(HandlingNote) == 0);

absl::Status Failed(const char* what, const std::string& path) {
  return absl::UnavailableError(absl::StrCat(what, " ", path, " failed: ", strerror(errno)));
}

// The events that the process before was at when it died, of the topics that it read.
std::vector<TopicPartitionOffset> ReadNotes(const std::string& path) {
  std::vector<TopicPartitionOffset> places;
  std::ifstream in(path, std::ios::binary);
  Header header{};
  if (!in.read(reinterpret_cast<char*>(&header), sizeof(header)) || header.magic != kMagic) return places;
  std::vector<std::pair<size_t, TopicPartitionOffset>> running;
  for (uint32_t i = 0; i < header.workers; ++i) {
    HandlingNote note;
    if (!in.read(reinterpret_cast<char*>(&note), sizeof(note))) return places;
    if (note.is_running == 0) continue;
    running.push_back({note.input, {{"", Partition(note.partition)}, Offset(note.offset)}});
  }
  std::vector<std::string> topics;
  for (std::string topic; std::getline(in, topic);) topics.push_back(topic);
  for (auto& [input, place] : running) {
    if (input >= topics.size()) continue;
    place.where.topic = topics[input];
    places.push_back(std::move(place));
  }
  return places;
}

std::string Words(const TopicPartitionOffset& place, int count) {
  return absl::StrCat("the process ended ", count, count == 1 ? " time" : " times", " while the handlers of event ",
                      ToString(place.where, place.offset), " ran");
}

}  // namespace

// One line an event: deaths, partition, offset, topic. A file that is no such list counts for nothing.
CrashJournal::Deaths CrashJournal::ReadDeaths(const std::string& path) {
  Deaths deaths;
  std::ifstream in(path);
  int count = 0;
  int32_t partition = 0;
  int64_t offset = 0;
  std::string topic;
  while (in >> count >> partition >> offset >> topic) deaths[{{topic, Partition(partition)}, Offset(offset)}] = count;
  return deaths;
}

absl::Status CrashJournal::WriteDeaths(const std::string& path, const Deaths& deaths) {
  std::string text;
  for (const auto& [place, count] : deaths) {
    absl::StrAppend(&text, count, " ", place.where.partition.value(), " ", place.offset.value(), " ", place.where.topic,
                    "\n");
  }
  // As a whole: a death in the middle of this leaves the list as it was.
  return WritePrivateFile(path, text);
}

// Events that nobody hears of again must not add up for ever.
void CrashJournal::DropOldest(Deaths* deaths) {
  while (deaths->size() > kMaxEvents) {
    deaths->erase(std::min_element(deaths->begin(), deaths->end(),
                                   [](const auto& a, const auto& b) { return a.second < b.second; }));
  }
}

absl::StatusOr<std::unique_ptr<CrashJournal>> CrashJournal::Open(const std::string& state_dir,
                                                                 const std::vector<std::string>& input_topics,
                                                                 int workers, LogSink* log) {
  const std::string notes_path = state_dir + kNotesFile;
  const std::string deaths_path = state_dir + kDeathsFile;
  std::unique_ptr<CrashJournal> journal(new CrashJournal(deaths_path));
  Deaths deaths = ReadDeaths(deaths_path);
  for (const TopicPartitionOffset& place : ReadNotes(notes_path)) {
    const int count = ++deaths[place];
    std::string what_follows;
    if (count >= kAloneAfter) what_follows = "; it is run in a transaction of its own";
    if (count >= kBlamedAfter) what_follows = "; it fails without being run";
    log->Log(LogLevel::kWarning, absl::StrCat(Words(place, count), what_follows));
  }
  DropOldest(&deaths);
  // Before anything runs: should the next death come at once, this one is counted.
  if (absl::Status written = WriteDeaths(deaths_path, deaths); !written.ok()) return written;
  for (const auto& [place, count] : deaths) {
    if (count < kAloneAfter) continue;
    journal->suspects_.push_back({place, count >= kBlamedAfter ? Words(place, count) : ""});
  }
  {
    MutexLock lock(&journal->mutex_);
    journal->deaths_ = std::move(deaths);
  }
  journal->mapped_bytes_ = sizeof(Header) + static_cast<size_t>(workers) * sizeof(HandlingNote);
  const std::string names = absl::StrJoin(input_topics, "\n");
  const int fd = open(notes_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return Failed("opening", notes_path);
  // Written, not only sized: a store to a page that a full disk has no room for would end the process.
  const std::string begun = std::string(journal->mapped_bytes_, '\0') + names;
  const bool sized =
      ftruncate(fd, 0) == 0 && write(fd, begun.data(), begun.size()) == static_cast<ssize_t>(begun.size());
  void* const mapping =
      sized ? mmap(nullptr, journal->mapped_bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
  const absl::Status failed = mapping == MAP_FAILED ? Failed("mapping", notes_path) : absl::OkStatus();
  // The mapping stays.
  close(fd);
  if (!failed.ok()) return failed;
  journal->mapping_ = mapping;
  auto* const bytes = static_cast<char*>(mapping);
  journal->notes_ = new (bytes + sizeof(Header)) HandlingNote[workers];
  // Last: notes without it say nothing.
  new (bytes) Header{kMagic, static_cast<uint32_t>(workers), 0};
  return journal;
}

void CrashJournal::Settle(const TopicPartitionOffset& place) {
  MutexLock lock(&mutex_);
  if (deaths_.erase(place) == 0) return;
  // What cannot be written now is at worst counted once more.
  WriteDeaths(deaths_path_, deaths_).IgnoreError();
}

CrashJournal::~CrashJournal() {
  if (mapping_ != nullptr) munmap(mapping_, mapped_bytes_);
}

}  // namespace once
