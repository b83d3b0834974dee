"""The asynchronous Python SDK against the server SANDBOX_BASE_URL, by way of a session of the SDK: one pipeline, and what runs side by side."""

import asyncio
import os
import unittest
from uuid import uuid4

from vercel import sandbox
from vercel.api import session
from vercel.sandbox import SandboxApiError, SandboxCredentials, SandboxQueryByName, SandboxServiceOptions, SnapshotSource


async def credentials() -> SandboxCredentials:
    return SandboxCredentials(token="secret", team_id="team_ours", project_id="prj_ours")


def options() -> SandboxServiceOptions:
    return SandboxServiceOptions(base_url=os.environ["SANDBOX_BASE_URL"], credentials_factory=credentials)


class TheAsynchronousSdk(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self) -> None:
        await self.enterAsyncContext(session(service_options=[options()]))

    def sandbox(self, **changes):
        return sandbox.create_sandbox(**{"name": f"test-{uuid4()}", "persistent": False, **changes})

    async def test_what_was_built_in_one_sandbox_runs_in_another(self) -> None:
        # The end of the context removes a sandbox, and those of its snapshots that nothing else uses.
        builder = await self.enterAsyncContext(self.sandbox())
        await builder.fs.write_text("program.sh", "echo hello $1; exit 3")
        snapshot = await builder.snapshot()
        async with self.sandbox(source=SnapshotSource(snapshot_id=snapshot.id)) as runner:
            done = await runner.run_process("sh", ["program.sh", "world"], capture_output=True)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (3, "hello world\n", ""))
            found = [box.name async for box in sandbox.query_sandboxes(query=SandboxQueryByName(name_prefix=runner.name))]
            self.assertEqual(found, [runner.name])
            await runner.stop()
            self.assertEqual((await sandbox.get_sandbox(name=runner.name)).status, "stopped")
        await snapshot.delete()
        with self.assertRaises(SandboxApiError) as refused:
            await sandbox.get_sandbox(name=runner.name)
        self.assertEqual(refused.exception.status_code, 404)

    async def test_output_arrives_while_the_command_runs(self) -> None:
        async with self.sandbox() as box:
            await box.run_process("mkfifo", ["gate"], check=True)
            process = await box.create_process("sh", ["-c", "echo one; read _ <gate; echo two"])
            self.assertEqual(await process.stdout.readline(), "one\n")
            await box.run_process("sh", ["-c", "echo >gate"], check=True)
            self.assertEqual(await process.stdout.readline(), "two\n")
            self.assertEqual(await process.wait(), 0)

    async def test_commands_run_side_by_side(self) -> None:
        async with self.sandbox() as box:
            await box.run_process("mkfifo", ["gate"], check=True)
            # Each command ends only if the other one runs at the same time.
            reader, writer = await asyncio.gather(
                box.run_process("cat", ["gate"], capture_output=True),
                box.run_process("sh", ["-c", "echo met >gate"], capture_output=True),
            )
            self.assertEqual((reader.stdout, writer.returncode), ("met\n", 0))


if __name__ == "__main__":
    unittest.main()
