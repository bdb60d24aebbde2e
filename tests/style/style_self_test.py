"""Each rule on a small tree that breaks it, and on one that keeps it."""

import os
import tempfile
import unittest

import sizes
import source_tree
import style
import words


def header(path, body=""):
    guard = words.guard_of(path)
    return "#ifndef %s\n#define %s\n%s\n#endif\n" % (guard, guard, body)


class StyleTest(unittest.TestCase):

    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.root = os.path.join(self.directory.name, "tree")

    def write(self, path, text):
        full = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write(text)

    def check(self, exceptions=""):
        file = os.path.join(self.directory.name, "exceptions.txt")
        with open(file, "w", encoding="utf-8") as out:
            out.write(exceptions)
        os.makedirs(self.root, exist_ok=True)
        return style.check(self.root, file)

    def write_include(self, path, include):
        """Returns the line that it stands in."""
        line = "#include %s\n" % include
        self.write(path, header(path, line) if path.endswith(".h") else line)
        return 3 if path.endswith(".h") else 1

    def assert_breach(self, path, include, text):
        line = self.write_include(path, include)
        messages = self.check()
        self.assertEqual(len(messages), 1, messages)
        self.assertIn("%s:%d: " % (path, line), messages[0])
        self.assertIn(text, messages[0])
        os.remove(os.path.join(self.root, path))

    def assert_fine(self, path, include):
        self.write_include(path, include)
        self.assertEqual(self.check(), [])
        os.remove(os.path.join(self.root, path))

    def test_an_empty_tree_is_fine(self):
        self.assertEqual(self.check(), [])

    def test_targets_name_our_compiler_options(self):
        self.write("state/BUILD.bazel", 'cc_library(\n    name = "a",\n    srcs = ["a.cc"],\n)\n')
        self.assertEqual(len(self.check()), 1)
        self.assertIn("state/BUILD.bazel:1: has a target without copts", self.check()[0])
        self.write("state/BUILD.bazel", 'cc_library(\n    name = "a",\n    srcs = ["a.cc"],\n    copts = ONCE_COPTS,\n)\n\n'
                   'cc_library(\n    name = "b",\n    hdrs = ["b.h"],\n)\n')
        self.assertEqual(self.check(), [])

    def test_arrows_point_one_way(self):
        for path, include in (
                ("processor/base/a.cc", '"processor/kafka/kafka.h"'),
                ("processor/base/a.cc", '"once/topology.h"'),
                ("processor/kafka/a.cc", '"state/task_state.h"'),
                ("processor/kafka/a.cc", '"processor/kafka/librdkafka/consumer.h"'),
                ("state/a.cc", '"processor/topology/graph.h"'),
                ("state/a.cc", '"state/rocksdb/store.h"'),
                ("processor/topology/a.cc", '"processor/engine/engine.h"'),
                ("processor/engine/a.cc", '"processor/runtime/worker.h"'),
                ("processor/engine/a.cc", '"processor/kafka/librdkafka/consumer.h"'),
                ("processor/runtime/a.cc", '"state/rocksdb/store.h"'),
                ("processor/runtime/a.cc", '"processor/topology.h"'),
                ("processor/http/a.cc", '"processor/engine/engine.h"'),
                ("processor/typed/a.h", '"processor/contexts.h"'),
                ("processor/typed/a.cc", '"processor/engine/engine.h"'),
                ("processor/topology/a.h", '"processor/typed/a.h"'),
                ("processor/topology/a.h", '"once/contexts.h"'),
                ("processor/a.h", '"processor/app/main.h"'),
                ("processor/a.h", '"processor/runtime/pod.h"'),
                ("processor/a.h", '"once/testing.h"'),
                ("processor/app/main.cc", '"processor/kafka/librdkafka/consumer.h"'),
                ("processor/app/main.cc", '"tests/testkit/driver.h"'),
                ("examples/x/main.cc", '"once/testing.h"'),
                ("examples/x/main.cc", '"processor/engine/engine.h"'),
                ("examples/x/topology_test.cc", '"tests/sim/trial.h"'),
                ("tests/testkit/a.cc", '"processor/kafka/librdkafka/consumer.h"')):
            with self.subTest(path=path, include=include):
                self.assert_breach(path, include, "must not know")

    def test_what_the_layers_allow(self):
        for path, include in (
                ("processor/base/a.cc", '"once/v1/changelog.pb.h"'),
                ("processor/engine/a.cc", '"state/task_state.h"'),
                ("processor/runtime/a.cc", '"processor/engine/engine.h"'),
                ("processor/app/application.cc", '"processor/kafka/librdkafka/consumer.h"'),
                ("processor/app/application_wiring.cc", '"state/rocksdb/store.h"'),
                ("processor/app/main.cc", '"once/main.h"'),
                ("processor/a.h", '"processor/typed/a.h"'),
                ("examples/x/topology_test.cc", '"once/testing.h"'),
                ("examples/x/main.cc", '"once/topology.h"'),
                ("examples/x/topology_test.cc", '"tests/testkit/driver.h"'),
                ("examples/x/simulation_test.cc", '"tests/sim/trial.h"'),
                ("tests/testkit/memory/a_test.cc", '"tests/kafka/contract.h"'),
                ("examples/x/order_verifier.cc", '"examples/x/orders.pb.h"'),
                ("tests/unit/a.cc", '"processor/engine/engine.h"'),
                ("processor/base/a.cc", "<string>")):
            with self.subTest(path=path, include=include):
                self.assert_fine(path, include)

    def test_a_checker_shares_no_code_with_what_it_checks(self):
        self.assert_breach("examples/x/order_verifier.cc", '"once/codec.h"', "stands alone")
        self.assert_breach("examples/x/order_verifier_table.cc", '"processor/base/types.h"', "stands alone")

    def test_the_facade_is_headers(self):
        self.write("processor/a.cc", "int x;\n")
        self.assertIn("is no header", self.check()[0])

    def test_one_header_has_all_others(self):
        self.write("processor/a.h", header("processor/a.h"))
        self.assertEqual(self.check(), [])
        self.write("processor/once.h", header("processor/once.h"))
        self.assertIn('lacks "processor/a.h"', self.check()[0])
        self.write("processor/once.h", header("processor/once.h", '#include "processor/a.h"'))
        self.assertEqual(self.check(), [])

    def test_users_write_once(self):
        self.assert_breach("examples/x/main.cc", '"processor/topology.h"', "users write")

    def test_libraries_have_their_place(self):
        self.assert_breach("processor/runtime/a.cc", "<librdkafka/rdkafka.h>", "librdkafka is not for this file")
        self.assert_breach("tests/unit/a.cc", "<librdkafka/rdkafka.h>", "librdkafka is not for this file")
        self.assert_breach("state/a.cc", "<rocksdb/db.h>", "RocksDB is not for this file")
        self.assert_breach("processor/runtime/a.cc", '"absl/synchronization/mutex.h"', "absl::Mutex")
        self.assert_fine("processor/kafka/librdkafka/a.cc", "<librdkafka/rdkafka.h>")
        self.assert_fine("examples/x/order_generator.cc", "<librdkafka/rdkafka.h>")
        self.assert_fine("tests/integration/a.cc", "<librdkafka/rdkafka.h>")
        self.assert_fine("state/rocksdb/a.cc", "<rocksdb/db.h>")

    def test_the_engine_has_no_clock(self):
        self.assert_breach("processor/engine/a.cc", "<thread>", "no threads")
        self.assert_breach("processor/engine/a.cc", '"absl/time/clock.h"', "no threads")
        self.write("processor/engine/a.cc", "// absl::Now is named in a comment.\nvoid F() { absl::Now(); }\n")
        messages = self.check()
        self.assertEqual(len(messages), 1, messages)
        self.assertIn("a.cc:2: uses absl::Now", messages[0])

    def test_a_directory_without_a_layer(self):
        self.write("stuff/a.cc", "\n")
        self.assertIn("is in no layer", self.check()[0])

    def test_an_include_in_a_comment_is_none(self):
        self.write("processor/base/a.cc", '// #include "processor/engine/engine.h"\n')
        self.assertEqual(self.check(), [])

    def test_file_size(self):
        self.write("state/a.cc", "\n" * 400)
        self.assertEqual(self.check(), [])
        self.write("state/a.cc", "\n" * 401)
        self.assertIn("has 401 lines", self.check()[0])

    def test_function_size(self):
        self.write("state/a.cc", "void F() {\n" + "  g();\n" * 58 + "}\n")
        self.assertEqual(self.check(), [])
        self.write("state/a.cc", "void F() {\n" + "  g();\n" * 59 + "}\n")
        self.assertIn("F() has 61 lines", self.check()[0])

    def test_header_guard(self):
        self.write("state/a.h", header("state/a.h"))
        self.assertEqual(self.check(), [])
        self.write("state/a.h", "#pragma once\n")
        self.assertIn("lacks its header guard ONCE_STATE_A_H_", self.check()[0])

    def test_notes_to_self(self):
        self.write("state/BUILD.bazel", "# %s: later\n" % ("TO" + "DO"))
        self.assertIn("BUILD.bazel:1: has a ", self.check()[0])

    def test_lines_move_on_terminals_only(self):
        progress = 'printf("\\rsent %d of %d", sent, all);\n'
        self.write("bench/a.cc", progress)
        messages = self.check()
        self.assertEqual(len(messages), 1, messages)
        self.assertIn("bench/a.cc:1: prints over a line", messages[0])
        self.write("bench/a.cc", "if (isatty(2)) " + progress)
        self.write("bench/b.cc", 'Parse("a\\r\\n", "\\r\\n");\n')
        self.write("bench/c.sh", "[[ ! -t 1 ]] || printf '\\r\\033[K%s' \"$title\"\n")
        self.assertEqual(self.check(), [])

    def test_an_exception_excuses_its_breach_only(self):
        self.write("state/a.cc", "\n" * 401)
        self.assertEqual(self.check("file-size state/a.cc  a table that reads best in one piece\n"), [])
        self.assertEqual(len(self.check("file-size state/b.cc  another file\n")), 2)

    def test_an_exception_needs_a_reason_and_a_rule(self):
        self.assertIn("is not `rule path reason`", self.check("file-size state/a.cc\n")[0])
        self.assertIn("is not `rule path reason`", self.check("speed state/a.cc because\n")[0])

    def test_a_stale_exception_is_a_breach(self):
        self.assertIn("excuses nothing any more", self.check("file-size state/a.cc  was long once\n")[0])

    def write_rules(self, *rows):
        self.write("docs/rules.md", "| rule | what, and why | tests |\n|---|---|---|\n" + "\n".join(rows) + "\n")

    def test_tests_of_rules_exist(self):
        self.write("tests/a_test.cc", "// Rules T1, T2: both.\nTEST(A, B) {\n}\n")
        self.write_rules("| T1 | words | `A.B` |", "| T2 | words | `A.B` |")
        self.assertEqual(self.check(), [])
        self.write_rules("| T1 | words | `A.B`, `A.C` |", "| T2 | words | |")
        messages = self.check()
        self.assertEqual(len(messages), 2, messages)
        self.assertIn("docs/rules.md:3: names A.C, but there is no such test", messages[0])
        self.assertIn("docs/rules.md:4: names no test of rule T2", messages[1])

    def test_tests_name_known_rules(self):
        self.write("tests/a_test.cc", "\n// Rules T1 to T3, T4: all.\nTEST(A, B) {\n}\n")
        self.write_rules("| T1 | words | `A.B` |", "| T4 | words | `A.B` |")
        messages = self.check()
        self.assertEqual(len(messages), 1, messages)
        self.assertIn("tests/a_test.cc:2: names rule T3, which docs/rules.md lacks", messages[0])


class FunctionsTest(unittest.TestCase):

    def functions(self, code):
        return [(name, length) for name, _, length in sizes.functions(source_tree.code_only(code))]

    def test_finds_functions_of_every_shape(self):
        for code, expected in (
                ("int F() {\n}\n", [("F", 2)]),
                ("namespace a {\nclass B : public C {\n public:\n  int F() const override { return 1; }\n};\n}", [("F", 1)]),
                ("A::A(int b)\n    : b_{b},\n      c_([] { return 1; }) {\n  d();\n}\n", [("A", 5)]),
                ("A::A() : a_{.b = 1} {}\nvoid G() {}", [("A", 1), ("G", 1)]),
                ("template <typename T = int>\nauto F(T t) -> std::vector<T> {\n}\n", [("F", 3)]),
                ("bool operator==(const A& a, const A& b) { return true; }\n", [("operator==", 1)]),
                ("TEST(A, B) {\n}\n", [("TEST", 2)]),
                ("constexpr int kTable[] = {\n 1,\n 2,\n};\nint F() { return 1; }\n", [("F", 1)]),
                ("const auto kF = [](int a) {\n  return a;\n};\n", []),
                ('void F() {\n  const char* s = "}";\n  char c = \'{\';  // {\n}\nvoid G() {}\n', [("F", 4), ("G", 1)]),
                ('void F() {\n  auto s = R"(\n}{)";\n}\n', [("F", 4)]),
                ("void F() {\n  int i = 1\'000;\n  if (i) {\n  }\n}\nvoid G() {}\n", [("F", 5), ("G", 1)]),
                ('class ABSL_CAPABILITY("mutex") M {\n  void F() {}\n};\n', [("F", 1)]),
                ("void F() ABSL_LOCKS_EXCLUDED(mu_) {\n}\n", [("F", 2)]),
                ("#define X(a) \\\n  { a\nvoid F() {\n}\n", [("F", 2)]),
                ("struct A {\n  int b = 3;\n  std::vector<int> c{1, 2};\n  void F() {\n  }\n};\n", [("F", 2)])):
            with self.subTest(code=code):
                self.assertEqual(self.functions(code), expected)


if __name__ == "__main__":
    unittest.main()
