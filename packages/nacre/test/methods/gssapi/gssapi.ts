import { equalBytes, type Message, Reader, Writer } from "@nacre/wire";
import type {
  ClientAttempt,
  ClientLogin,
  ClientLoginMethod,
  ClientMethod,
  LoginMessage,
  ServerAttempt,
  ServerLoginMethod,
  ServerMethod,
} from "nacre";
import type { LoginMethod } from "../login-method.ts";
import type { Realm } from "./realm.ts";

/*
 * The shape of gssapi-with-mic (RFC 4462 §3): the server chooses a mechanism, both sides exchange tokens, and the client proves with a MIC
 * that it made the request.
 */

const NAME = "gssapi-with-mic";
const MECHANISM = Uint8Array.of(6, 1, 42);

export const SSH_MSG_USERAUTH_GSSAPI_RESPONSE: Message<Uint8Array> = stringMessage(60, "RESPONSE");
export const SSH_MSG_USERAUTH_GSSAPI_TOKEN: Message<Uint8Array> = stringMessage(61, "TOKEN");
export const SSH_MSG_USERAUTH_GSSAPI_MIC: Message<Uint8Array> = stringMessage(66, "MIC");

/** Returns a codec for a message with one string (RFC 4462 §3.3 to §3.5). */
function stringMessage(number: number, part: string): Message<Uint8Array> {
  const name = `SSH_MSG_USERAUTH_GSSAPI_${part}`;
  return {
    number,
    name,
    encode: (value) => new Writer().byte(number).string(value).finish(),
    decode: (payload) => {
      const reader = new Reader(payload, name);
      if (reader.byte("message number") !== number) reader.fail("message number", `is not ${number}`);
      const value = reader.string(part);
      reader.end();
      return value;
    },
  };
}

const messages: readonly LoginMessage[] = [
  {
    message: SSH_MSG_USERAUTH_GSSAPI_RESPONSE,
    sender: "server",
    describe: (payload) => `mechanism of ${SSH_MSG_USERAUTH_GSSAPI_RESPONSE.decode(payload).length} bytes`,
  },
  { message: SSH_MSG_USERAUTH_GSSAPI_TOKEN, sender: "both" },
  { message: SSH_MSG_USERAUTH_GSSAPI_MIC, sender: "client" },
];

/** A question of the client's method. The answer is the bytes to send. */
type ClientQuestion =
  | { readonly step: "initiate" }
  | { readonly step: "sign"; readonly token: Uint8Array; readonly data: Uint8Array };

/** A question of the server's method. The answer is a token, or the verdict. */
type ServerQuestion =
  | { readonly step: "accept"; readonly token: Uint8Array }
  | { readonly step: "verify"; readonly mic: Uint8Array; readonly data: Uint8Array };

/** Returns what the MIC covers: the session and the user (RFC 4462 §3.5). */
export function signedData(sessionId: Uint8Array, userName: string): Uint8Array {
  return new Writer().string(sessionId).string(userName).string(NAME).finish();
}

const client: ClientMethod = {
  name: NAME,
  messages,
  start(login) {
    let isLeft = true;
    return {
      begin() {
        if (!isLeft) return false;
        isLeft = false;
        const request = new Writer().uint32(1).string(MECHANISM).finish();
        login.request(
          request,
          waitingFor((payload) => chosen(login, payload)),
        );
        return true;
      },
    };
  },
};

function chosen(login: ClientLogin, payload: Uint8Array): void {
  SSH_MSG_USERAUTH_GSSAPI_RESPONSE.decode(payload);
  ask(login, { step: "initiate" }, (token) =>
    login.send(
      SSH_MSG_USERAUTH_GSSAPI_TOKEN.encode(token),
      waitingFor((answer) => answered(login, answer)),
    ),
  );
}

function answered(login: ClientLogin, payload: Uint8Array): void {
  const token = SSH_MSG_USERAUTH_GSSAPI_TOKEN.decode(payload);
  const { sessionId, userName } = login.options;
  ask(login, { step: "sign", token, data: signedData(sessionId, userName) }, (mic) =>
    login.send(SSH_MSG_USERAUTH_GSSAPI_MIC.encode(mic), { failed: () => NAME }),
  );
}

function waitingFor(receive: (payload: Uint8Array) => void): ClientAttempt {
  return { receive, failed: () => NAME };
}

function ask(login: ClientLogin, question: ClientQuestion, use: (bytes: Uint8Array) => void): void {
  login.ask({ type: "ask", question }, (answer) => {
    if (answer instanceof Uint8Array) return use(answer);
    login.note(`${NAME} has no credentials`);
    login.next();
  });
}

const server: ServerMethod = {
  name: NAME,
  messages,
  begin(attempt, methodData) {
    const mechanisms = new Reader(methodData, "gssapi request");
    if (mechanisms.uint32("count") !== 1 || !equalBytes(mechanisms.string("mechanism"), MECHANISM))
      return attempt.fail();
    attempt.send(SSH_MSG_USERAUTH_GSSAPI_RESPONSE.encode(MECHANISM), (payload) =>
      exchange(attempt, SSH_MSG_USERAUTH_GSSAPI_TOKEN.decode(payload).slice()),
    );
  },
};

function exchange(attempt: ServerAttempt, token: Uint8Array): void {
  const accept: ServerQuestion = { step: "accept", token };
  attempt.ask({ type: "ask", question: accept }, (answer) =>
    attempt.send(SSH_MSG_USERAUTH_GSSAPI_TOKEN.encode(answer as Uint8Array), (payload) => {
      const mic = SSH_MSG_USERAUTH_GSSAPI_MIC.decode(payload);
      const { userName } = attempt.subject;
      const data = signedData(attempt.options.sessionId, userName);
      const verify: ServerQuestion = { step: "verify", mic: mic.slice(), data };
      attempt.ask({ type: "ask", question: verify }, (verdict) =>
        attempt.judge({ method: "other", name: NAME, details: userName }, verdict),
      );
    }),
  );
}

/** The method gssapi-with-mic of an application, over a realm. */
export class Gssapi implements LoginMethod {
  readonly name = NAME;
  readonly client: ClientLoginMethod;
  readonly server: ServerLoginMethod;

  /** `secret`: what the client's user has from the realm; empty for none. */
  constructor(realm: Realm, secret: string) {
    this.client = {
      method: client,
      application:
        ({ options }) =>
        (asked) => {
          const question = (asked as { readonly question: ClientQuestion }).question;
          if (secret === "") return undefined;
          return question.step === "initiate" ? realm.initiate(options.user) : realm.sign(secret, question.data);
        },
    };
    this.server = {
      method: server,
      application: (login) => ({
        async answer(asked) {
          const question = (asked as { readonly question: unknown }).question as ServerQuestion;
          if (question.step === "accept") return realm.accept(question.token);
          const principal = await realm.verify(asked.userName, question.mic, question.data);
          if (principal === undefined) return "failure";
          return login.verdict(asked, await login.decide(asked, { method: "other", name: NAME, details: principal }));
        },
      }),
    };
  }
}
