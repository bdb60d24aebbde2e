#include "processor/topology/draw.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

namespace once {

namespace {

struct Vertex {
  enum class Shape { kTopic, kAggregate, kTransform };
  std::string id;
  Shape shape;
  std::vector<std::string> lines;
};

struct Arrow {
  std::string from;
  std::string to;
  std::string label;
};

struct Picture {
  std::vector<Vertex> vertices;
  std::vector<Arrow> arrows;
};

std::string HeardBy(const HandlerSpec& handler) {
  if (handler.match == HandlerMatch::kTombstone) return "tombstones";
  return handler.match == HandlerMatch::kAny ? "any type" : absl::StrJoin(handler.event_types, ", ");
}

Picture MakePicture(const Graph& graph) {
  Picture picture;
  for (size_t i = 0; i < graph.sources.size(); ++i) {
    const SourceSpec& source = graph.sources[i];
    picture.vertices.push_back(
        {absl::StrCat("source", i), Vertex::Shape::kTopic, {source.name, "topic " + source.topic}});
  }
  bool may_fail = false;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const NodeSpec& node = graph.nodes[i];
    const bool is_aggregate = node.kind == NodeKind::kAggregate;
    std::vector<std::string> lines = {absl::StrCat(KindName(node.kind), " ", node.name)};
    if (is_aggregate) lines.push_back("state " + node.state_type);
    const std::string id = absl::StrCat("node", i);
    picture.vertices.push_back({id, is_aggregate ? Vertex::Shape::kAggregate : Vertex::Shape::kTransform, lines});
    for (const HandlerSpec& handler : graph.handlers) {
      if (handler.node == i) picture.arrows.push_back({absl::StrCat("source", handler.source), id, HeardBy(handler)});
    }
    for (const SinkIndex sink : node.emits_to) {
      picture.arrows.push_back({id, absl::StrCat("sink", sink), graph.sinks[sink].value_type});
    }
    picture.arrows.push_back({id, "dead", "what fails"});
    may_fail = true;
  }
  for (size_t i = 0; i < graph.sinks.size(); ++i) {
    const SinkSpec& sink = graph.sinks[i];
    picture.vertices.push_back({absl::StrCat("sink", i), Vertex::Shape::kTopic, {sink.name, "topic " + sink.topic}});
  }
  if (may_fail) {
    picture.vertices.push_back({"dead", Vertex::Shape::kTopic, {"dead letters", "topic " + graph.dead_letter_topic}});
  }
  return picture;
}

std::string DotText(const std::string& text) { return absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"\"", "\\\""}}); }

std::string MermaidText(const std::string& text) { return absl::StrReplaceAll(text, {{"\"", "#quot;"}}); }

}  // namespace

std::string DrawDot(const Graph& graph) {
  const Picture picture = MakePicture(graph);
  std::string text = absl::StrCat("digraph \"", DotText(graph.application_id), "\" {\n  rankdir=LR;\n");
  for (const Vertex& vertex : picture.vertices) {
    const char* const shape = vertex.shape == Vertex::Shape::kTopic       ? "cylinder"
                              : vertex.shape == Vertex::Shape::kAggregate ? "box3d"
                                                                          : "box";
    std::vector<std::string> lines;
    for (const std::string& line : vertex.lines) lines.push_back(DotText(line));
    absl::StrAppend(&text, "  ", vertex.id, " [shape=", shape, ", label=\"", absl::StrJoin(lines, "\\n"), "\"];\n");
  }
  for (const Arrow& arrow : picture.arrows) {
    absl::StrAppend(&text, "  ", arrow.from, " -> ", arrow.to, " [label=\"", DotText(arrow.label), "\"",
                    arrow.to == "dead" ? ", style=dashed" : "", "];\n");
  }
  return absl::StrCat(text, "}\n");
}

std::string DrawMermaid(const Graph& graph) {
  const Picture picture = MakePicture(graph);
  std::string text = "flowchart LR\n";
  for (const Vertex& vertex : picture.vertices) {
    const char* const open = vertex.shape == Vertex::Shape::kTopic       ? "[("
                             : vertex.shape == Vertex::Shape::kAggregate ? "[["
                                                                         : "[";
    const char* const close = vertex.shape == Vertex::Shape::kTopic       ? ")]"
                              : vertex.shape == Vertex::Shape::kAggregate ? "]]"
                                                                          : "]";
    std::vector<std::string> lines;
    for (const std::string& line : vertex.lines) lines.push_back(MermaidText(line));
    absl::StrAppend(&text, "  ", vertex.id, open, "\"", absl::StrJoin(lines, "<br/>"), "\"", close, "\n");
  }
  for (const Arrow& arrow : picture.arrows) {
    absl::StrAppend(&text, "  ", arrow.from, arrow.to == "dead" ? " -.->|\"" : " -->|\"", MermaidText(arrow.label),
                    "\"| ", arrow.to, "\n");
  }
  return text;
}

}  // namespace once
