import type { PrivateKey } from "@nacre/keys";
import { utf8Encode } from "@nacre/wire";
import { expect, test } from "vitest";
import { Agent, type Destination } from "../src/index.ts";
import {
  authority,
  bastion,
  certifiedHost,
  crypto,
  inner,
  key,
  type Login,
  login,
  NOW,
  newAgent,
  other,
  Pair,
  random,
  stranger,
  toBastion,
  toCertified,
  toInner,
} from "./support.ts";

// The names of tests that end in "server" are in packages/testing/src/attacks/rows/agent.ts.

/** Returns an agent with a free key, and `key` that may go to the bastion, and as alice to the host behind it. */
function agentWith(destinations: readonly Destination[] = [toBastion, toInner]): Agent {
  const agent = newAgent();
  agent.add({ privateKey: other, comment: "free" }, 0);
  agent.add({ privateKey: key, comment: "restricted", destinations }, 0);
  return agent;
}

/** Returns a connection from the bastion, for a login at `last`. */
function overBastion(last: PrivateKey = inner, destinations?: readonly Destination[]): Pair {
  const pair = new Pair(agentWith(destinations));
  expect(pair.bind(bastion, "first", true)).toBe("success");
  expect(pair.bind(last, "second", false)).toBe("success");
  return pair;
}

test("a restricted key logs in at the hosts that it may reach", () => {
  const direct = new Pair(agentWith());
  expect(direct.bind(bastion, "first", false)).toBe("success");
  expect(direct.comments()).toEqual(["free", "restricted"]);
  expect(direct.sign(login("first"))).toBe("signature");
  expect(direct.sign(login("first", { user: "bob" }))).toBe("signature");
  expect(direct.sign(login("first", { host: bastion }))).toBe("signature");

  const forwarded = overBastion();
  expect(forwarded.comments()).toEqual(["free", "restricted"]);
  expect(forwarded.sign(login("second", { host: inner }))).toBe("signature");
});

test("a confirmation shows the login and its path", () => {
  const agent = newAgent();
  agent.add({ privateKey: key, comment: "restricted", destinations: [toBastion], confirm: true }, 0);
  const pair = new Pair(agent);
  pair.bind(bastion, "first", false);
  pair.client.sign(key.publicKey.blob, "ssh-ed25519", login("first"), "");
  pair.run();
  expect(pair.served.at(-1)).toMatchObject({
    type: "confirm",
    userName: "alice",
    hostKeys: [bastion.publicKey.blob],
  });
});

test("a bind is repeated on a connection that stays open", () => {
  const pair = new Pair(agentWith());
  expect(pair.bind(bastion, "first", true)).toBe("success");
  expect(pair.bind(bastion, "first", true)).toBe("success");
  expect(pair.comments()).toEqual(["free", "restricted"]);
});

test("agent: session binds that fail · server", () => {
  const failing: Readonly<Record<string, (pair: Pair) => string>> = {
    "by another key": (pair) => pair.bind(bastion, "first", true, { hostKey: inner.publicKey.blob }),
    "of another session": (pair) => pair.bind(bastion, "first", true, { sessionId: utf8Encode("other") }),
    "without a signature": (pair) => pair.bind(bastion, "first", true, { signature: new Uint8Array(0) }),
    "with a malformed key": (pair) => pair.bind(bastion, "first", true, { hostKey: Uint8Array.of(1) }),
    "with a long session identifier": (pair) => pair.bind(bastion, "a".repeat(129), true),
    malformed: (pair) =>
      pair.type((client) =>
        client.request({ type: "extension", name: "session-bind@openssh.com", data: new Uint8Array(3) }, ""),
      ),
    "after a login": (pair) => {
      expect(pair.bind(bastion, "login", false)).toBe("success");
      return pair.bind(bastion, "first", true);
    },
    "of the same session by another key": (pair) => {
      expect(pair.bind(bastion, "first", true)).toBe("success");
      return pair.bind(inner, "first", false);
    },
    "the 17th": (pair) => {
      for (let i = 0; i < 16; i++) expect(pair.bind(bastion, `${i}`, true)).toBe("success");
      return pair.bind(bastion, "first", true);
    },
  };
  for (const [what, fail] of Object.entries(failing)) {
    const pair = new Pair(agentWith([toBastion, { ...toBastion, from: toInner.from }]));
    expect(fail(pair), what).toBe("refused");
    expect(pair.served.at(-1), what).toMatchObject({ request: "extension", isRefused: true });
    // Restricted keys are gone on this connection, and no later bind brings them back.
    expect(pair.comments(), what).toEqual(["free"]);
    expect(pair.bind(bastion, "again", true), what).toBe("refused");
    expect(pair.comments(), what).toEqual(["free"]);
    expect(pair.sign(login("first")), what).toBe("refused");
    expect(pair.sign(login("first"), other), what).toBe("signature");
  }
});

test("agent: restricted keys are hidden where they are of no use · server", () => {
  const unbound = new Pair(agentWith());
  expect(unbound.comments()).toEqual(["free", "restricted"]);

  const elsewhere = new Pair(agentWith());
  elsewhere.bind(stranger, "first", false);
  expect(elsewhere.comments()).toEqual(["free"]);
  expect(elsewhere.type((client) => client.remove(key.publicKey.blob, ""))).toBe("refused");
  const looser = { type: "plain", fields: key.fields } as const;
  expect(elsewhere.type((client) => client.add(looser, "taken", {}, ""))).toBe("refused");

  // The key may log in to the inner host, but not leave it.
  const beyond = new Pair(agentWith());
  beyond.bind(bastion, "first", true);
  expect(beyond.comments()).toEqual(["free", "restricted"]);
  beyond.bind(inner, "second", true);
  expect(beyond.comments()).toEqual(["free"]);
  expect(overBastion().comments()).toEqual(["free", "restricted"]);
});

test("agent: a restricted key signs nothing but the login at hand · server", () => {
  const first = (): Pair => {
    const pair = new Pair(agentWith());
    pair.bind(bastion, "first", false);
    return pair;
  };
  expect(first().sign(login("first"))).toBe("signature");
  expect(new Pair(agentWith()).sign(login("first")), "unbound").toBe("refused");
  const changes: readonly Partial<Login>[] = [
    { id: "other" },
    { type: 51 },
    { service: "ssh-userauth" },
    { method: "password" },
    { method: "hostbased" },
    { hasSignature: 0 },
    { hasSignature: 2 },
    { publicKey: other.publicKey.blob },
    { user: "a".repeat(1025) },
    { trailing: Uint8Array.of(0) },
    { host: inner },
  ];
  for (const change of changes)
    expect(first().sign(login("first", change)), Object.keys(change).join()).toBe("refused");
  expect(first().sign(utf8Encode("not a login"))).toBe("refused");
  expect(first().sign(random(100))).toBe("refused");

  const forwarding = new Pair(agentWith());
  forwarding.bind(bastion, "first", true);
  expect(forwarding.sign(login("first")), "last bind forwards").toBe("refused");
  expect(overBastion().sign(login("second")), "not host-bound").toBe("refused");
  expect(overBastion().sign(login("second", { host: bastion })), "bound to another host").toBe("refused");
  expect(overBastion().sign(login("first", { host: inner })), "session of the first hop").toBe("refused");
});

/** Returns the host-bound login of the second hop. */
function second(change: Partial<Login> = {}): Uint8Array {
  return login("second", { host: inner, ...change });
}

test("agent: a restricted key goes only where its path leads · server", () => {
  expect(overBastion().sign(second())).toBe("signature");
  expect(overBastion().sign(second({ user: "bob" })), "another user").toBe("refused");
  expect(overBastion(stranger).sign(login("second", { host: stranger })), "another host").toBe("refused");

  const direct = new Pair(agentWith());
  direct.bind(inner, "first", false);
  expect(direct.sign(login("first")), "past the bastion").toBe("refused");
  expect(overBastion(inner, [toBastion, { ...toInner, from: undefined }]).sign(second()), "from the bastion").toBe(
    "refused",
  );
  expect(overBastion(inner, [toInner]).sign(second()), "to the bastion").toBe("refused");
  const fromStranger = {
    host: "stranger",
    keys: [{ publicKey: stranger.publicKey.blob, isCertificateAuthority: false }],
  };
  expect(overBastion(inner, [toBastion, { ...toInner, from: fromStranger }]).sign(second())).toBe("refused");
});

test("agent: patterns of users and keys of authorities · server", () => {
  const signs = (user: string | undefined, name: string): boolean => {
    const pair = new Pair(agentWith([{ ...toBastion, to: { ...toBastion.to, user } }]));
    pair.bind(bastion, "first", false);
    return pair.sign(login("first", { user: name })) === "signature";
  };
  expect(signs(undefined, "bob")).toBe(true);
  expect(signs("b?*", "bob")).toBe(true);
  // One pattern, not a list.
  expect(signs("alice,b?b", "bob")).toBe(false);
  expect(signs("alice,b?b", "alice,bob")).toBe(true);
  expect(signs("!bob,*", "alice")).toBe(false);
  expect(signs("Bob", "bob")).toBe(false);
  expect(signs("bo", "bob")).toBe(false);

  const keys = [{ publicKey: bastion.publicKey.blob, isCertificateAuthority: true }];
  const pair = new Pair(agentWith([{ ...toBastion, to: { ...toBastion.to, keys } }]));
  pair.bind(bastion, "first", false);
  expect(pair.comments()).toEqual(["free"]);
  expect(pair.sign(login("first"))).toBe("refused");
});

test("a restricted key logs in at hosts with certificates of an authority", () => {
  const certified = certifiedHost(bastion, { principals: ["b*tion"] });
  const direct = new Pair(agentWith(toCertified));
  expect(direct.bind(certified, "first", false)).toBe("success");
  expect(direct.comments()).toEqual(["free", "restricted"]);
  expect(direct.sign(login("first", { host: certified }))).toBe("signature");

  const beyond = certifiedHost(inner, { principals: ["inner"] });
  const forwarded = new Pair(agentWith(toCertified));
  expect(forwarded.bind(certified, "first", true)).toBe("success");
  expect(forwarded.bind(beyond, "second", false)).toBe("success");
  expect(forwarded.comments()).toEqual(["free", "restricted"]);
  expect(forwarded.sign(login("second", { host: beyond }))).toBe("signature");
});

test("agent: certificates of hosts that a restricted key may not reach · server", () => {
  const refused: Readonly<Record<string, PrivateKey>> = {
    "the authority's own key": authority,
    "a plain key": bastion,
    "another authority": certifiedHost(bastion, {}, stranger),
    "another name": certifiedHost(bastion, { principals: ["inner"] }),
    "a user's": certifiedHost(bastion, { type: "user" }),
    expired: certifiedHost(bastion, { validBefore: NOW }),
    "not valid yet": certifiedHost(bastion, { validAfter: NOW + 1n, validBefore: "forever" }),
    "with an option": certifiedHost(bastion, { criticalOptions: { "force-command": "x" } }),
  };
  for (const [what, host] of Object.entries(refused)) {
    const pair = new Pair(agentWith(toCertified));
    expect(pair.bind(host, "first", false), what).toBe("success");
    expect(pair.comments(), what).toEqual(["free"]);
    expect(pair.sign(login("first")), what).toBe("refused");
  }

  // Without the mark of an authority, the authority's key certifies no host, and the bastion's key does not match its certificate.
  const plain = [authority, bastion].map(({ publicKey }) => ({
    publicKey: publicKey.blob,
    isCertificateAuthority: false,
  }));
  const pair = new Pair(agentWith([{ ...toBastion, to: { ...toBastion.to, keys: plain } }]));
  expect(pair.bind(certifiedHost(bastion), "first", false)).toBe("success");
  expect(pair.comments()).toEqual(["free"]);

  // Without a clock, the agent accepts no certificate.
  const timeless = new Agent({ crypto, random });
  timeless.add({ privateKey: key, comment: "restricted", destinations: toCertified }, 0);
  const unknown = new Pair(timeless);
  expect(unknown.bind(certifiedHost(bastion), "first", false)).toBe("success");
  expect(unknown.comments()).toEqual([]);
});
