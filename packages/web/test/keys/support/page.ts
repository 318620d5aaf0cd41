import { vi } from "vitest";
import { FakeAuthenticator } from "./fake-authenticator.ts";

/** Simulates a page of `hostname` with a fake authenticator, for the rest of the test. Call `vi.unstubAllGlobals` afterwards. */
export function openPage(hostname = "ssh.example.test"): FakeAuthenticator {
  const authenticator = new FakeAuthenticator(`https://${hostname}`);
  vi.stubGlobal("navigator", authenticator.navigator);
  vi.stubGlobal("location", { hostname });
  return authenticator;
}
