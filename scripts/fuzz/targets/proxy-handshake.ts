import { concatBytes } from "@nacre/wire";
import { ProxyHandshake, type ProxyStep } from "../../../packages/nacre/src/users/forward/proxy-handshake.ts";
import { expectEqual, expectRefusal, expectTrue } from "../contract.ts";
import type { Target } from "../fuzzer/target.ts";

/** Maximum length of a handshake in bytes. */
const MOST = 16 * 1024;

/** The first bytes of a client of `forwardDynamic`. Input in one piece and byte by byte must give the same result. */
export const proxyHandshake: Target = {
  name: "proxy-handshake",
  run: (stream) => {
    const handshake = new ProxyHandshake();
    const step = handshake.receive(stream);
    expectEqual(comparable(byteByByte(stream)), comparable(step), "a proxy handshake byte by byte");
    switch (step.type) {
      case "more":
        return expectTrue(stream.length <= MOST, `the handshake wants more than ${stream.length} bytes`);
      case "refused":
        return expectRefusal(step.reason);
      case "connect": {
        const { host, port } = step.target;
        expectTrue(/^[!-~]{1,255}$/.test(host), `invalid host ${host}`);
        expectTrue(Number.isInteger(port) && port >= 1 && port <= 65_535, `invalid port ${port}`);
        expectEqual(step.rest, stream.slice(stream.length - step.rest.length), "bytes after the handshake");
        expectTrue(stream.length - step.rest.length <= MOST, "the handshake is too long");
        expectTrue(handshake.refusedBy("forward-unreachable").length > 0, "an empty reply");
      }
    }
  },
};

function byteByByte(stream: Uint8Array): ProxyStep {
  const handshake = new ProxyHandshake();
  let reply = new Uint8Array(0);
  for (let at = 0; at < stream.length; at++) {
    const step = handshake.receive(stream.subarray(at, at + 1));
    reply = concatBytes(reply, step.reply);
    if (step.type === "connect") return { ...step, reply, rest: stream.slice(at + 1) };
    if (step.type === "refused") return { ...step, reply };
  }
  return { type: "more", reply };
}

/** Returns a step with the error replaced by its code and message, as two error objects never compare equal. */
function comparable(step: ProxyStep): unknown {
  return step.type === "refused" ? { ...step, reason: `${step.reason.code}: ${step.reason.message}` } : step;
}
