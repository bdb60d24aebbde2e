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


if __name__ == "__main__":
    unittest.main()
