import {
  type Bytes,
  CHANNEL_OPEN_FAILURE_REASON,
  forwardedStreamlocal,
  SSH_MSG_CHANNEL_OPEN,
  SSH_MSG_CHANNEL_OPEN_CONFIRMATION,
  SSH_MSG_CHANNEL_OPEN_FAILURE,
  SSH_MSG_REQUEST_SUCCESS,
  tcpipChannel,
} from "@nacre/wire";
import { expect, test } from "vitest";
import { webStreams } from "../../src/streams/web-streams.ts";
import { RemoteListeners } from "../../src/users/forward/remote-listener.ts";
import { type LooseMux, looseMux } from "../support/muxes.ts";

/*
 * Rows of the attack suite about connections that a server forwards to a client.
 */

const forwardedTcpip = (port: number): Uint8Array =>
  tcpipChannel.encode({ address: "localhost", port, originatorAddress: "192.0.2.1", originatorPort: 1 });
const opensWith = (channelType: string, data: Uint8Array, senderChannel = 1): Uint8Array =>
  SSH_MSG_CHANNEL_OPEN.encode({
    channelType,
    senderChannel,
    initialWindowSize: 2 ** 20,
    maximumPacketSize: 2 ** 15,
    data,
  });
const countOf = ({ sent }: LooseMux, number: number): number => sent.filter((payload) => payload[0] === number).length;

test("unsolicited opens, with and without a listener · client", async () => {
  const reserved = new Uint8Array(0);
  const unsolicited = [
    opensWith("forwarded-tcpip", forwardedTcpip(81)),
    opensWith("forwarded-tcpip", reserved),
    opensWith("forwarded-streamlocal@openssh.com", forwardedStreamlocal.encode({ path: "/run/other", reserved })),
    opensWith("forwarded-streamlocal@openssh.com", forwardedStreamlocal.encode({ path: "localhost", reserved })),
    opensWith("x11", reserved),
    opensWith("auth-agent@openssh.com", reserved),
    opensWith("direct-tcpip", forwardedTcpip(80)),
    opensWith("session", reserved),
  ];
  for (const address of [undefined, { port: 80 }, { path: "/run/app" }]) {
    const loose = looseMux();
    const listeners = new RemoteListeners(loose.mux, loose.mux.engine.closed);
    const success = SSH_MSG_REQUEST_SUCCESS.encode({ data: reserved });
    const expectRefused = (...opens: readonly Uint8Array[]): void => {
      const before = loose.sent.length;
      loose.receive(...opens);
      const refusals = loose.sent.slice(before).map((payload) => SSH_MSG_CHANNEL_OPEN_FAILURE.decode(payload as Bytes));
      expect(refusals.map(({ reasonCode }) => reasonCode)).toEqual(
        opens.map(() => CHANNEL_OPEN_FAILURE_REASON.ADMINISTRATIVELY_PROHIBITED),
      );
    };
    if (address === undefined) {
      expectRefused(...unsolicited, opensWith("forwarded-tcpip", forwardedTcpip(80)));
    } else {
      const listening = listeners.listen(address, webStreams);
      loose.receive(success);
      const listener = await listening;
      expectRefused(...unsolicited);
      // A matching open is refused once the listener is closing.
      const ours =
        address.path === undefined
          ? opensWith("forwarded-tcpip", forwardedTcpip(80))
          : opensWith(
              "forwarded-streamlocal@openssh.com",
              forwardedStreamlocal.encode({ path: address.path, reserved }),
            );
      const closing = listener.close();
      expectRefused(ours);
      loose.receive(success);
      await closing;
      expectRefused(ours);
    }
    expect(countOf(loose, SSH_MSG_CHANNEL_OPEN_CONFIRMATION.number)).toBe(0);
    expect(loose.mux.engine.machine.connection.channelCount).toBe(0);
  }
});

test("channel count, by a listener's connections · client", async () => {
  const loose = looseMux();
  const listening = new RemoteListeners(loose.mux, loose.mux.engine.closed).listen({ port: 80 }, webStreams);
  loose.receive(SSH_MSG_REQUEST_SUCCESS.encode({ data: new Uint8Array(0) }));
  const iterator = (await listening)[Symbol.asyncIterator]();
  for (let i = 0; i < 100_000; i++) {
    loose.receive(opensWith("forwarded-tcpip", forwardedTcpip(80), i));
    if (i % 1000 < 999) continue;
    expect(countOf(loose, SSH_MSG_CHANNEL_OPEN_FAILURE.number)).toBe(i + 1 - 256);
    loose.mux.engine.turn();
  }
  // Waiting connections are accepted up to the channel limit.
  for (let i = 0; i < 256; i++) expect((await iterator.next()).done).toBe(false);
  loose.receive(opensWith("forwarded-tcpip", forwardedTcpip(80)));
  expect(countOf(loose, SSH_MSG_CHANNEL_OPEN_FAILURE.number)).toBe(100_001 - 256);
  expect(loose.mux.engine.machine.connection.channelCount).toBe(256);
  expect(loose.ends).toEqual([]);
});
