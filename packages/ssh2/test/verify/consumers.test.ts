import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { useOpenSsh } from "../interop/openssh.ts";
import { installedAsSsh2, type Manager, makeProject, type Project, packSsh2, removeProject } from "./project.ts";
import { type Registry, startRegistry } from "./registry.ts";
import { type FakeServer, startFakeServer } from "./ssh2-server.ts";

// What runs on ssh2, from the registry, with an override as a user writes it.
const CONSUMERS = {
  dockerode: "5.0.1",
  "node-ssh": "13.2.1",
  "ssh-remote-port-forward": "1.0.4",
  "ssh2-promise": "1.0.3",
  "ssh2-sftp-client": "12.1.1",
  "tunnel-ssh": "5.2.0",
};

const openssh = useOpenSsh();
let registry: Registry;
let server: FakeServer;
beforeAll(async () => {
  registry = await startRegistry(packSsh2());
  server = await startFakeServer();
}, 600_000);
afterAll(() => {
  registry?.close();
  server?.close();
});

function env(): Record<string, string> {
  const { host, port, username, password } = openssh();
  return { HOST: host, PORT: `${port}`, FAKE_PORT: `${server.port}`, USER_NAME: username, PASSWORD: password };
}

describe.each<Manager>(["npm", "pnpm"])("with the override of %s", (manager) => {
  let project: Project;
  beforeAll(async () => {
    project = await makeProject(manager, registry.url, CONSUMERS);
  }, 600_000);
  afterAll(() => removeProject(project));
  const lines = async (program: string): Promise<string[]> =>
    (await project.program(program, env())).trimEnd().split("\n");

  test("no other ssh2 is installed", () => {
    const found = installedAsSsh2(project.folder);
    expect(found.length).toBeGreaterThan(0);
    expect(new Set(found)).toEqual(new Set(["@nacre/ssh2"]));
  });

  test("dockerode speaks to Docker over `docker system dial-stdio`", async () => {
    expect(await lines("dockerode.cjs")).toEqual([
      "99.0",
      "[ 2, 2 ]",
      "made",
      "404 no such thing",
      "ECONNREFUSED client-socket",
    ]);
  });

  test("ssh-remote-port-forward, as of testcontainers, answers forwarded connections", async () => {
    const program = spawn(process.execPath, ["port-forward.cjs"], {
      cwd: project.folder,
      env: { ...process.env, ...env() },
      stdio: ["pipe", "pipe", "inherit"],
    });
    const ended = once(program, "close");
    expect(String((await once(program.stdout, "data"))[0])).toBe("listening\n");
    const long = "ping".repeat(50_000);
    expect(await server.dialForwarded(long)).toBe(long);
    program.stdin.end("\n");
    expect((await ended)[0]).toBe(0);
  });

  test("ssh2-sftp-client copies directories, and tells errors apart", async () => {
    expect(await lines("sftp-client.cjs")).toEqual([
      "[ [ '-', 'one', 1 ], [ 'd', 'a', 0 ] ]",
      "- false",
      "true 3000000 number",
      "put more",
      "true",
      "3000000",
      "ENOENT _xstat: No such file: /none",
      "3 get: Permission denied /root/none",
      "false true",
      "undefined getConnection: All configured authentication methods failed",
      "ECONNREFUSED",
    ]);
  });

  test("tunnel-ssh forwards a local port", async () => {
    expect(await lines("tunnel.cjs")).toEqual(["through the tunnel", "closed"]);
  });

  test("node-ssh runs commands, copies directories and forwards ports", async () => {
    expect((await lines("node-ssh.cjs")).join("\n")).toMatchInlineSnapshot(`
      "{ code: 3, signal: null, stdout: 'in\\n/tmp', stderr: 'err' }
      $HOME a b 0
      true
      text
      true
      true
      forwarded
      false"
    `);
  });

  test("ssh2-promise reaches a host through another", async () => {
    expect(await lines("ssh2-promise.cjs")).toEqual([
      "through a jump host",
      "",
      "spawned",
      "content true",
      "client-authentication All configured authentication methods failed",
    ]);
  });
});
