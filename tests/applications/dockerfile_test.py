"""docker/dockerfile.py: what docker/rehearse takes a Dockerfile for."""

import os
import sys
import unittest

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path.insert(0, os.path.join(TREE, "docker"))

import dockerfile  # noqa: E402  (it lies beside what it is for)


class ParseTest(unittest.TestCase):
    def test_stages_and_instructions(self):
        stages = dockerfile.parse("# A comment\nARG BASE=debian:x\nFROM ${BASE} AS one\nRUN a \\\n  # within\n  && b\n"
                                  "FROM one\nCOPY --from=one /a /b\n")
        self.assertEqual([(stage.base, stage.name) for stage in stages], [("debian:x", "one"), ("one", "1")])
        self.assertEqual(stages[0].instructions, [(4, "RUN", "a && b")])
        self.assertEqual(stages[1].instructions, [(8, "COPY", "--from=one /a /b")])

    def test_a_given_argument_goes_before_the_default(self):
        self.assertEqual(dockerfile.parse("ARG B=x\nFROM $B", {"B": "y"})[0].base, "y")

    def test_what_is_not_understood_is_refused(self):
        for text, expected in (("FROM a\nADD x /", "line 2: ADD is none of"), ("RUN x", "line 1: RUN before the first FROM"),
                               ("FROM ${X}", r"line 1: \$\{X\} is no ARG"), ("FROM a b", "line 1: FROM is not"),
                               ("FROM a\nRUN x \\", "line 2: goes on behind the end")):
            with self.subTest(text), self.assertRaisesRegex(dockerfile.DockerfileError, expected):
                dockerfile.parse(text)

    def test_a_target_brings_what_it_is_made_from(self):
        stages = dockerfile.parse("FROM d AS a\nFROM d AS unused\nFROM d AS r\nFROM r AS t\nCOPY --from=a /x /y\n")
        self.assertEqual([stage.name for stage in dockerfile.stages_of(stages, "t")], ["a", "r", "t"])
        with self.assertRaisesRegex(dockerfile.DockerfileError, "there is no stage x"):
            dockerfile.stages_of(stages, "x")

    def test_values(self):
        self.assertEqual(dockerfile.split_options("--from=a --chown=1:1 x y"), ({"from": "a", "chown": "1:1"}, "x y"))
        self.assertEqual(dockerfile.words('["a b", "c"]'), ["a b", "c"])
        self.assertEqual(dockerfile.words("a 'b c'"), ["a", "b c"])
        self.assertEqual(dockerfile.assignments("A=1 B='2 3'"), {"A": "1", "B": "2 3"})

    def test_ours_are_understood(self):
        for name in ("docker/Dockerfile", "examples/own_workspace/Dockerfile", "tests/applications/deb.Dockerfile"):
            with open(os.path.join(TREE, name), encoding="utf-8") as file, self.subTest(name):
                stages = dockerfile.parse(file.read())
                self.assertTrue(stages)
                self.assertTrue(any(instruction[1] == "ENTRYPOINT" for instruction in stages[-1].instructions))


if __name__ == "__main__":
    unittest.main()
