import type { PrivateKey } from "@nacre/keys";
import { type Scenario, ScriptedClient, userKeyOf } from "@nacre/testing/protocol/scripted-client";
import file from "../../../test-vectors/recordings.json" with { type: "json" };
import { expectRefusal, expectTrue } from "../contract.ts";
import type { Target } from "../fuzzer/target.ts";
import { Input } from "../input.ts";

const SCENARIOS = file.recordings as unknown as readonly Scenario[];
const keys = new Map<number, PrivateKey>();

/** Returns the user key of a scenario. Makes it on first use, as an RSA key takes time. */
function keyOf(which: number): PrivateKey {
  const key = keys.get(which) ?? userKeyOf(SCENARIOS[which]!);
  keys.set(which, key);
  return key;
}

/** A client that receives the changed bytes of a recorded server. The first byte selects the recording. */
export const recording: Target = {
  name: "recording",
  run: (bytes) => {
    const input = new Input(bytes);
    const which = input.byte() % SCENARIOS.length;
    const client = new ScriptedClient(SCENARIOS[which]!, keyOf(which));
    client.start();
    client.receive(input.rest());
    client.end();
    expectTrue(client.error !== undefined, "the session did not end with its connection");
    expectRefusal(client.error);
  },
};
