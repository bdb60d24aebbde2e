"""Tests of docs.py on small trees: each breach is found, and what is right passes."""

import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

import docs  # noqa: E402

SOURCE = "int Twice(int n) {\n  const int doubled = 2 * n;\n  return doubled;\n}\n\nint main() {\n  return Twice(0);\n}\n"


def document(code, excerpt="<!-- excerpt: src/a.cc -->\n", language="cpp"):
    return "# Title\n\n%s```%s\n%s\n```\n" % (excerpt, language, code)


class DocsTest(unittest.TestCase):
    def check(self, readme, **others):
        with tempfile.TemporaryDirectory() as root:
            files = {"README.md": readme, "src/a.cc": SOURCE}
            files.update({"docs/%s.md" % name: text for name, text in others.items()})
            for path, text in files.items():
                os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
                with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                    file.write(text)
            return docs.check(root)

    def test_an_excerpt_passes(self):
        self.assertEqual(self.check(document("int Twice(int n) {\n  const int doubled = 2 * n;")), [])

    def test_an_excerpt_may_be_indented_otherwise(self):
        self.assertEqual(self.check(document("const int doubled = 2 * n;\nreturn doubled;")), [])

    def test_a_gap_stands_for_any_lines(self):
        self.assertEqual(self.check(document("int Twice(int n) {\n  ...\n}")), [])

    def test_pieces_in_another_order_are_found(self):
        self.assertEqual(len(self.check(document("int main() {\n...\nint Twice(int n) {"))), 1)

    def test_one_changed_word_is_found(self):
        messages = self.check(document("int Twice(int n) {\n  const int doubled = 3 * n;"))
        self.assertEqual(messages, ["README.md:4: this code does not stand in src/a.cc: copy it from there"])

    def test_a_left_out_line_is_found(self):
        self.assertEqual(len(self.check(document("int Twice(int n) {\n  return doubled;\n}"))), 1)

    def test_code_that_names_no_file_is_found(self):
        self.assertIn("without `<!-- excerpt:", self.check(document("int Twice(int n) {", excerpt=""))[0])

    def test_a_missing_file_is_found(self):
        self.assertIn("no file src/b.cc", self.check(document("int x;", excerpt="<!-- excerpt: src/b.cc -->\n"))[0])

    def test_an_empty_block_is_found(self):
        self.assertEqual(len(self.check(document(""))), 1)

    def test_other_spellings_of_the_language_are_checked(self):
        self.assertEqual(len(self.check(document("int wrong;", language="C++"))), 1)

    def test_a_fence_without_end_is_found(self):
        self.assertEqual(len(self.check("```cpp\nint x;\n")), 1)

    def test_files_below_docs_are_checked(self):
        messages = self.check(document("int main() {"), page=document("int wrong;"))
        self.assertEqual(messages, ["docs/page.md:4: this code does not stand in src/a.cc: copy it from there"])

    def test_no_code_at_all_is_found(self):
        self.assertIn("the page of code is missing", self.check("# Title\n")[0])

    def test_other_languages_are_left_alone(self):
        self.assertEqual(self.check(document("int main() {") + "```sh\nls\n```\n"), [])

    def test_a_link_that_leads_nowhere_is_found(self):
        messages = self.check(document("int main() {") + "[a](docs/none.md) [b](src/a.cc#x) [c](https://example.com/x)\n")
        self.assertEqual(messages, ["README.md:7: the link leads nowhere: docs/none.md"])

    def test_a_file_that_is_not_there_is_found(self):
        messages = self.check(document("int main() {") + "`src/a.cc` and `src/b.cc`, by `once/b.h`\n")
        self.assertEqual(messages, ["README.md:7: there is no file src/b.cc: correct its name",
                                    "README.md:7: there is no file once/b.h: correct its name"])

    def test_a_symbol_that_is_not_there_is_found(self):
        messages = self.check(document("int main() {") + "`src/a.cc` (`Twice`, `Thrice`), `src/a.cc` (`a::main`)\n")
        self.assertEqual(messages, ["README.md:7: src/a.cc has no Thrice: say where it is now",
                                    "README.md:7: src/a.cc has no a::main: say where it is now"])

    def test_questions_are_answered_by_files_and_symbols(self):
        answered = "| Who doubles? | `src/a.cc` (`Twice`) |\n" * 10
        self.assertEqual(self.check(document("int main() {"), ARCHITECTURE=answered), [])
        messages = self.check(document("int main() {"), ARCHITECTURE=answered + "| Who halves? | `src/a.cc` |\n")
        self.assertEqual(len(messages), 1)
        self.assertIn("docs/ARCHITECTURE.md:11: the answer names no file with a symbol", messages[0])

    def test_few_questions_are_too_few(self):
        messages = self.check(document("int main() {"), ARCHITECTURE="| Who doubles? | `src/a.cc` (`Twice`) |\n")
        self.assertEqual(messages, ["docs/ARCHITECTURE.md:1: answers 1 questions, and should at least 10"])


if __name__ == "__main__":
    unittest.main()
