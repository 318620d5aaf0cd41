import { SftpError } from "@nacre/files";
import { SshError, type SshErrorCode } from "nacre";
import { expect, it } from "vitest";
import { fileProblem } from "../page/files/file-problem.ts";
import { type Attempt, explain, explainInstall, explainKey } from "../page/problems.ts";

const destination = { host: "host.example", port: 22, verifiesPasskeys: true };
const attempt: Attempt = { destination, user: "alice", method: "password" };

/** An error as `connect` of `@nacre/web` makes it when the gateway closes its WebSocket. */
function closedByGateway(reason: string): SshError {
  return new SshError("gateway-refused", `(close code 4000: ${reason})`, { cause: { code: 4000, reason } });
}

it.each([
  ["destination-unreachable", "host.example port 22 cannot be reached. Check that the host is running"],
  ["destination-timeout", "host.example port 22 does not answer. Check"],
  ["destination-refused", "may not connect to host.example port 22. Start it with --allow"],
  ["ticket-refused", "Connect again."],
  ["too-many", "Try again in a minute."],
  ["tunnel-unknown", "it was restarted or gave up waiting. Log in again."],
  ["resume-elsewhere", "it was restarted or gave up waiting. Log in again."],
  ["idle-timeout", "Log in again."],
])("explains %s of the gateway and names a remedy", (reason, text) =>
  expect(explain(closedByGateway(reason), attempt)).toContain(text),
);

it("explains the gateway's reason also if it ended an SSH connection", () => {
  const lost = new SshError("connection-lost", "the connection was lost", { cause: closedByGateway("tunnel-unknown") });
  const call = new SshError("connection-lost", "exec", { cause: lost });
  expect(explain(call, attempt)).toBe(explain(closedByGateway("tunnel-unknown"), attempt));
});

it.each<[SshErrorCode, string]>([
  ["connection-failed", "The gateway cannot be reached."],
  ["gateway-refused", "Reload it;"],
  ["connect-timeout", "The gateway does not answer."],
  ["connection-lost", "The connection was lost and could not be restored."],
  ["not-ssh", "host.example port 22 is not an SSH server."],
  ["host-key-refused", "You refused the key of the host"],
  ["passphrase-wrong", "Enter it again."],
  ["passphrase-needed", "Enter its passphrase."],
  ["key-malformed", "Paste its whole file"],
])("explains %s in its own words", (code, text) => {
  const problem = explain(new SshError(code, "words of the library"), attempt);
  expect(problem).toContain(text);
  expect(problem).not.toContain("words of the library");
});

it.each<[Attempt, string]>([
  [attempt, "refused this password for alice"],
  [{ ...attempt, method: "browser-key" }, "Add its line to ~/.ssh/authorized_keys"],
  [{ ...attempt, method: "key-file" }, "Add its public half to ~/.ssh/authorized_keys"],
  [{ ...attempt, method: "passkey" }, "it needs OpenSSH 10.3"],
  [
    { ...attempt, method: "passkey", destination: { ...destination, verifiesPasskeys: false } },
    "The demo server does not verify passkeys yet.",
  ],
])("explains a refused login by its method: %j", (tried, text) => {
  const error = new SshError("auth-failed", "alice: the server refused password; it accepts: publickey, password");
  expect(explain(error, tried)).toContain(text);
});

it("does not blame the password if the host takes none", () => {
  const error = new SshError("auth-failed", "alice: there was nothing to try; it accepts: publickey");
  expect(explain(error, attempt)).toBe("The host takes no passwords from alice. Log in with a key.");
});

it("says that a part of a login with several factors is missing", () => {
  const error = new SshError("auth-failed", "alice: the server accepted password; it accepts: publickey");
  expect(explain(error, attempt)).toBe("The host asks alice for another proof beside this one: publickey.");
});

it("does not take the name of a built-in property for a reason of the gateway", () =>
  expect(explain(closedByGateway("constructor"), attempt)).toContain("The gateway refused this page."));

it("keeps the message of an unexpected error, and of an error of the page itself", () => {
  expect(explain(new SshError("internal", "a bug"), attempt)).toBe("The connection failed: a bug. Connect again.");
  expect(explain(new Error("Make a key first."), attempt)).toBe("Make a key first.");
});

it.each<[SshErrorCode, string]>([
  ["channel-request-failed", "The host runs no commands for alice."],
  ["connection-lost", "The connection was lost and could not be restored."],
])("explains %s of a key that the page adds on the host", (code, text) =>
  expect(explainInstall(new SshError(code, "words of the library"), attempt)).toContain(text),
);

it.each<[SshErrorCode, string | undefined, string]>([
  ["file-unreadable", "UnknownError", "Allow this site to store data"],
  ["file-malformed", undefined, "Delete the data of this site"],
  ["key-malformed", undefined, "Delete the data of this site"],
  ["not-supported-here", "InvalidStateError", "Update it, or log in another way."],
  ["auth-cancelled", "NotAllowedError", "Try again, or log in another way."],
  ["key-unsupported", undefined, "Try a security key or a phone."],
  ["usage", "ConstraintError", "Another tab of this page has made a key already."],
  ["usage", "SecurityError", "Passkeys do not work at the IP address of a page."],
  ["usage", "OperationError", "The browser is still asking about a passkey."],
])("explains %s of a key, caused by %s of the browser", (code, name, text) => {
  const cause = name === undefined ? undefined : new DOMException("words of the browser", name);
  const problem = explainKey(new SshError(code, "words of the library", { cause }));
  expect(problem).toContain(text);
  expect(problem).not.toContain("words of");
});

it("keeps the message of an unexpected error of a key", () => {
  for (const error of [new SshError("usage", "a bug"), new Error("a bug")])
    expect(explainKey(error)).toBe("This browser could not use the key: a bug. Reload the page, then try again.");
});

it.each([
  [
    new SftpError(3, "Permission denied", { call: "open", path: "/etc/x\u202e" }),
    "does not permit this: /etc/x\\u{202e}.",
  ],
  [new SftpError(2, "No such file", { call: "open", path: "/x" }), "/x is no longer on the host. Refresh the folder."],
  [new SshError("channel-request-failed", "subsystem"), "This host offers no file transfer (SFTP)."],
  [new SshError("connection-lost", "lost"), "The session has ended. Log in again to move files."],
  [new SshError("sftp-failure", "the disk is full"), "the disk is full"],
])("explains %s of a file", (error, text) => expect(fileProblem(error)).toContain(text));
