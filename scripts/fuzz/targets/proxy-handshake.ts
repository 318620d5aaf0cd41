import { concatBytes } from "@nacre/wire";
import { ProxyHandshake, type ProxyStep } from "../../../packages/nacre/src/forward/proxy-handshake.ts";
import { expectEqual, expectRefusal, expectTrue } from "../contract.ts";
import type { Target } from "../engine/target.ts";

/** Bytes of a handshake at most. */
const MOST = 16 * 1024;

/** The first bytes of a client of `forwardDynamic`: the same outcome in one piece and byte by byte. */
export const proxyHandshake: Target = {
  name: "proxy-handshake",
  run: (stream) => {
    const handshake = new ProxyHandshake();
    const step = handshake.receive(stream);
    expectEqual(comparable(byteByByte(stream)), comparable(step), "a proxy handshake byte by byte");
    switch (step.type) {
      case "more":
        return expectTrue(stream.length <= MOST, `no end after ${stream.length} bytes`);
      case "refused":
        return expectRefusal(step.reason);
      case "connect": {
        const { host, port } = step.target;
        expectTrue(/^[!-~]{1,255}$/.test(host), `the host is ${host}`);
        expectTrue(Number.isInteger(port) && port >= 1 && port <= 65_535, `the port is ${port}`);
        expectEqual(step.rest, stream.slice(stream.length - step.rest.length), "the bytes of the tunnel");
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

/** A step without what differs between two errors of the same kind. */
function comparable(step: ProxyStep): unknown {
  return step.type === "refused" ? { ...step, reason: `${step.reason.code}: ${step.reason.message}` } : step;
}
