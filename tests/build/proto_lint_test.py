"""proto/lint/lint.sh lets proto/ grow and never break, in a repository of its own. Needs `buf` on PATH."""
import pathlib
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BROKER = "proto/sluice/token/v1/token_broker.proto"


class ProtoLintTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.repository = pathlib.Path(folder.name)
        shutil.copytree(ROOT / "proto", self.repository / "proto", ignore=shutil.ignore_patterns("node_modules"))
        self.git("init", "--quiet")
        self.commit()

    def git(self, *arguments):
        identity = ("-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false", "-c", "tag.gpgsign=false")
        subprocess.run(["git", *identity, *arguments], cwd=self.repository, check=True, timeout=60)

    def commit(self):
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "A change")

    def release(self, tag):
        self.git("tag", "--annotate", "--message", tag, tag)

    def change(self, file, before, after):
        path = self.repository / file
        text = path.read_text(encoding="utf-8")
        self.assertEqual(text.count(before), 1, f"{before} in {file}")
        path.write_text(text.replace(before, after), encoding="utf-8")
        self.commit()

    def lint(self):
        """Exit code and output."""
        result = subprocess.run([self.repository / "proto/lint/lint.sh"], capture_output=True, text=True, timeout=60, check=False)
        return result.returncode, result.stdout + result.stderr

    def test_without_a_release_it_says_that_it_compared_nothing(self):
        self.assertEqual(self.lint(), (0, "proto: no release is tagged (vX.Y.Z) in this history, so it was compared with nothing\n"))

    def test_a_new_field_breaks_nothing(self):
        self.release("v1.2.3")
        self.change(BROKER, "message ListGrantsRequest {}", "message ListGrantsRequest {\n  uint32 page_size = 1;\n}")
        self.assertEqual(self.lint(), (0, "proto: breaks nothing of v1.2.3\n"))

    def test_a_field_of_another_number_breaks_the_last_release(self):
        self.release("v1.2.3")
        self.change(BROKER, "string access_key_id = 1;", "string access_key_id = 9;")
        code, output = self.lint()
        self.assertEqual(code, 1)
        self.assertIn('sluice/token/v1/token_broker.proto', output)
        self.assertIn('"access_key_id"', output)
        self.assertIn("proto: breaks clients of v1.2.3", output)

    def test_a_release_candidate_is_no_release(self):
        self.release("v1.2.3")
        self.change(BROKER, "message ListGrantsRequest {}", "message ListGrantsRequest {\n  uint32 page_size = 1;\n}")
        self.release("v1.3.0-rc1")
        self.change(BROKER, "\n  uint32 page_size = 1;\n", "")
        self.assertEqual(self.lint(), (0, "proto: breaks nothing of v1.2.3\n"))

    def test_a_name_against_the_rules_is_refused(self):
        self.change(BROKER, "  URL_METHOD_HEAD = 3;", "  HEAD = 3;")
        code, output = self.lint()
        self.assertEqual(code, 1)
        self.assertIn('"HEAD" should be prefixed with "URL_METHOD_"', output)


if __name__ == "__main__":
    unittest.main()
