"""tests/fresh/readme.py: which of the README's commands are whose, today and when it changes."""

import os
import sys
import unittest

HERE = os.path.dirname(os.path.realpath(__file__))
TREE = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.join(TREE, "docker")]

import fresh  # noqa: E402  (it lies beside what it is for)
import readme  # noqa: E402

TEXT = """
## Try it

```sh
./quickstart    # A comment.
./test
```

## Your own application

```sh
setup/install
build/app --option
```

```python
workspace
```

```sh
cmake -B build
```

```sh
packages/deb --out=X  # Another one.

```

## The code

```sh
not this
```
"""


class ReadmeTest(unittest.TestCase):
    def test_commands_are_found_without_comments(self):
        found = readme.Readme(TEXT)
        self.assertEqual(found.try_it, ["./quickstart", "./test"])
        self.assertEqual(found.bazel, ["setup/install", "build/app --option"])
        self.assertEqual(found.workspace, "workspace\n")
        self.assertEqual(found.cmake, ["cmake -B build"])
        self.assertEqual(found.packages, ["packages/deb --out=X"])
        self.assertEqual(found.one("./test"), "./test")
        self.assertEqual(found.one("packages/deb", found.packages), "packages/deb --out=X")

    def test_a_readme_that_has_become_another_is_refused(self):
        with self.assertRaisesRegex(fresh.Failed, "no chapter 'Try it'"):
            readme.Readme("# Once\n")
        with self.assertRaises(ValueError):
            readme.Readme(TEXT.replace("```sh\ncmake -B build\n```\n", ""))
        with self.assertRaisesRegex(fresh.Failed, "no command ./fast where"):
            readme.Readme(TEXT).one("./fast")

    def test_ours_has_what_the_steps_need(self):
        ours = readme.read(os.path.join(TREE, "README.md"))
        ours.one("./quickstart")
        ours.one("./test")
        self.assertEqual(ours.bazel[0], "setup/install")
        self.assertEqual([line.split()[0] for line in ours.bazel[3:5]], ["bazel", "bazel"])
        ours.one("./install", ours.cmake)
        ours.one("./new_app", ours.cmake)
        ours.one("packages/deb", ours.packages)
        ours.one("apt-get", ours.packages)
        self.assertIn("/where/once/is", ours.workspace)
        for commands in (ours.bazel, ours.cmake):
            self.assertRegex(commands[-1], r"^\S+/page_counter --create_topics --bootstrap_servers=localhost:9092$")


if __name__ == "__main__":
    unittest.main()
