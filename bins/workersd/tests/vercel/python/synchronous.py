"""The synchronous Python SDK against the server SANDBOX_BASE_URL: files, commands, snapshots, lists, ends."""

import os
import subprocess
import unittest
from uuid import uuid4

from vercel.sandbox import SandboxApiError, SandboxCredentials, SandboxPathNotFoundError, SandboxQueryByName, SnapshotSource
from vercel.sandbox.sync import SandboxServiceOptions, SyncSandboxClient

EVERY_BYTE = bytes(range(256)) * 400


def options() -> SandboxServiceOptions:
    credentials = SandboxCredentials(token="secret", team_id="team_ours", project_id="prj_ours")
    return SandboxServiceOptions(base_url=os.environ["SANDBOX_BASE_URL"], credentials_factory=lambda: credentials)


class TheSynchronousSdk(unittest.TestCase):
    def setUp(self) -> None:
        self.client = SyncSandboxClient.create(options=options())
        self.addCleanup(self.client.close)

    def sandbox(self, **changes):
        managed = self.client.create_sandbox(**{"name": f"test-{uuid4()}", "persistent": False, **changes})
        return self.enterContext(managed)

    def test_a_command_is_run_to_its_end(self) -> None:
        box = self.sandbox(env={"WORD": "hello"})
        done = box.run_process("sh", ["-c", 'echo "$WORD"; echo oops >&2; exit 3'], capture_output=True)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (3, "hello\n", "oops\n"))
        with self.assertRaises(subprocess.CalledProcessError):
            box.run_process("false", check=True)

    def test_a_command_reads_an_empty_input_and_no_other(self) -> None:
        box = self.sandbox()
        self.assertEqual(box.run_process("cat", capture_output=True).stdout, "")
        with self.assertRaises(SandboxApiError) as refused:
            box.run_process("cat", input="text", capture_output=True)
        self.assertEqual((refused.exception.status_code, refused.exception.code), (400, "not_supported"))

    def test_a_running_command_is_ended(self) -> None:
        box = self.sandbox()
        process = box.create_process("sleep", ["1000"])
        process.terminate()
        self.assertEqual(process.wait(), 143)
        self.assertEqual(box.run_process("sleep", ["1000"], kill_after=0.2).returncode, 137)

    def test_files_are_written_listed_and_read(self) -> None:
        box = self.sandbox()
        box.fs.mkdir("one/two")
        box.fs.write_bytes("one/bytes", EVERY_BYTE)
        box.fs.write_text("one/two/text", "grüße\n")
        self.assertEqual(box.fs.read_bytes("one/bytes"), EVERY_BYTE)
        self.assertEqual(box.fs.read_text("one/two/text"), "grüße\n")
        self.assertEqual(sorted(entry.path for entry in box.fs.listdir("one")), ["bytes", "two"])
        box.fs.rename("one/bytes", "moved")
        self.assertEqual((box.fs.exists("one/bytes"), box.fs.is_file("moved"), box.fs.is_dir("one")), (False, True, True))
        box.fs.remove("one", recursive=True)
        with self.assertRaises(SandboxPathNotFoundError):
            box.fs.read_bytes("one/bytes")

    def test_files_are_written_and_read_in_pieces(self) -> None:
        box = self.sandbox()
        with box.fs.open("pieces", "wb") as file:
            for _ in range(5):
                file.write(EVERY_BYTE)
        with box.fs.open("pieces", "rb") as file:
            self.assertEqual(file.read(), EVERY_BYTE * 5)

    def test_a_snapshot_starts_other_sandboxes(self) -> None:
        box = self.sandbox()
        box.fs.write_text("file", "kept")
        snapshot = box.snapshot()
        self.assertEqual(self.client.get_snapshot(snapshot_id=snapshot.id).id, snapshot.id)
        self.assertEqual([one.id for one in box.list_snapshots()], [snapshot.id])
        copy = self.sandbox(source=SnapshotSource(snapshot_id=snapshot.id))
        self.assertEqual(copy.fs.read_text("file"), "kept")
        snapshot.delete()
        with self.assertRaises(SandboxApiError) as refused:
            self.sandbox(source=SnapshotSource(snapshot_id=snapshot.id))
        self.assertEqual(refused.exception.status_code, 410)

    def test_a_managed_sandbox_takes_its_snapshots_along(self) -> None:
        with self.client.create_sandbox(name=f"test-{uuid4()}", persistent=False) as box:
            snapshot = box.snapshot()
        with self.assertRaises(SandboxApiError) as refused:
            self.sandbox(source=SnapshotSource(snapshot_id=snapshot.id))
        self.assertEqual(refused.exception.status_code, 410)

    def test_sandboxes_are_listed_page_by_page(self) -> None:
        prefix = f"family-{uuid4()}-"
        names = [self.sandbox(name=f"{prefix}{index}").name for index in range(3)]
        query = SandboxQueryByName(name_prefix=prefix, sort_order="asc")
        self.assertEqual([box.name for box in self.client.query_sandboxes(query=query, page_size=2)], names)

    def test_a_stopped_sandbox_has_stopped(self) -> None:
        box = self.client.create_sandbox(name=f"test-{uuid4()}", persistent=False)
        box.stop()
        self.assertEqual(self.client.get_sandbox(name=box.name).status, "stopped")
        box.destroy()
        with self.assertRaises(SandboxApiError) as refused:
            self.client.get_sandbox(name=box.name)
        self.assertEqual(refused.exception.status_code, 404)

    def test_a_persistent_sandbox_goes_on(self) -> None:
        box = self.sandbox(persistent=True)
        box.fs.write_text("file", "kept")
        first = box.current_session_id
        box.stop()
        self.assertEqual(box.fs.read_text("file"), "kept")
        self.assertNotEqual(box.current_session_id, first)

    def test_a_user_has_files_of_its_own(self) -> None:
        box = self.sandbox()
        alice = box.create_user("alice")
        alice.fs.write_text("secret", "mine", mode=0o600)
        done = alice.run_process("sh", ["-c", "whoami; cat secret"], capture_output=True)
        self.assertEqual((done.stdout, alice.home_dir), ("alice\nmine", "/home/alice"))


if __name__ == "__main__":
    unittest.main()
