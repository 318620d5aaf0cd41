import type { TraceRecord } from "@nacre/protocol";
import { keyboardInteractiveLogin, noneLogin, passwordLogin, signedLogin } from "@nacre/testing/attacks/logins";
import * as message from "@nacre/testing/attacks/messages";
import { userKey } from "@nacre/testing/attacks/protocol-target";
import {
  envRequest,
  execRequest,
  SSH_MSG_CHANNEL_REQUEST,
  SSH_MSG_DISCONNECT,
  SSH_MSG_GLOBAL_REQUEST,
  SSH_MSG_SERVICE_REQUEST,
  SSH_MSG_USERAUTH_REQUEST,
  type SshError,
  utf8Encode,
} from "@nacre/wire";
import { expect, test } from "vitest";
import { expectHarmless, HOSTILE } from "./support/hostile-text.ts";
import { ServerTarget } from "./support/server-target.ts";

const goodbye = (description: string): Uint8Array =>
  SSH_MSG_DISCONNECT.encode({ reasonCode: 2 ** 32 - 1, description, languageTag: HOSTILE.slice(-3) });

test("hostile text · server", () => {
  const errors: SshError[] = [];
  const traces: (readonly TraceRecord[])[] = [];
  const told = (target: ServerTarget): void => {
    expect(target.error).toBeDefined();
    errors.push(target.expectClosed(target.error!.code));
    traces.push(target.trace);
  };

  const first = new ServerTarget();
  first.peer.identify().send(goodbye(HOSTILE));
  told(first);
  for (const text of [HOSTILE, `SSH-2.0-${HOSTILE.replaceAll("\0", "")}\n`, "SSH-9.9\x1b[2J-x\r\n", "\x1b[2J"]) {
    const target = new ServerTarget();
    target.peer.raw(text);
    told(target);
  }
  for (const name of ["kexAlgorithms", "serverHostKeyAlgorithms", "languagesServerToClient"]) {
    const target = new ServerTarget();
    target.peer.identify().init({ [name]: [HOSTILE] });
    told(target);
  }
  for (const payload of [
    SSH_MSG_SERVICE_REQUEST.encode({ serviceName: HOSTILE }),
    SSH_MSG_USERAUTH_REQUEST.encode({
      userName: HOSTILE,
      serviceName: HOSTILE,
      methodName: HOSTILE,
      methodData: utf8Encode(HOSTILE),
    }),
  ]) {
    const target = new ServerTarget().handshake();
    target.peer.send(payload);
    told(target);
  }

  // The user name in every login method, and the fields of session requests.
  const login = new ServerTarget().service();
  login.peer.send(
    noneLogin({ userName: HOSTILE }),
    passwordLogin("secret", { userName: HOSTILE }),
    keyboardInteractiveLogin({ userName: HOSTILE }),
    message.debug(HOSTILE),
    signedLogin(login.peer.sessionId, userKey, { userName: HOSTILE }),
  );
  // The application receives the text unchanged.
  expect(login.eventsOf("authenticated")[0]?.userName).toBe(HOSTILE);
  const channel = login.openChannel();
  const requests: readonly (readonly [string, Uint8Array])[] = [
    ["env", envRequest.encode({ name: HOSTILE, value: HOSTILE })],
    ["exec", execRequest.encode({ command: utf8Encode(HOSTILE) })],
  ];
  for (const [requestType, data] of requests)
    login.peer.send(SSH_MSG_CHANNEL_REQUEST.encode({ recipientChannel: channel, requestType, wantReply: true, data }));
  login.peer.send(
    SSH_MSG_GLOBAL_REQUEST.encode({ requestName: "a@b", wantReply: false, data: utf8Encode(HOSTILE) }),
    goodbye(HOSTILE.repeat(1000)),
  );
  told(login);
  expect(errors.length).toBeGreaterThan(9);
  expectHarmless(errors, traces);
});
