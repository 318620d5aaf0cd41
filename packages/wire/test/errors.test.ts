import { disconnectReason, SshError } from "@nacre/wire";
import { expect, it } from "vitest";

it("an error has a culprit and keeps its cause", () => {
  const cause = new Error("deeper");
  const error = new SshError("host-key-changed", "the host key has changed", { cause });
  expect(error).toMatchObject({ name: "SshError", code: "host-key-changed", culprit: "peer", cause });
  expect(new SshError("usage", "").culprit).toBe("caller");
  expect(new SshError("no-common-algorithm", "").culprit).toBe("unsupported");
  expect(new SshError("internal", "").culprit).toBe("bug");
});

it("each code maps to one disconnect reason", () => {
  expect(disconnectReason("mac-mismatch")).toBe("MAC_ERROR");
  expect(disconnectReason("host-key-unknown")).toBe("HOST_KEY_NOT_VERIFIABLE");
  expect(disconnectReason("closed")).toBe("BY_APPLICATION");
});
