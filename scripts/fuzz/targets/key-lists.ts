import {
  addKnownHost,
  formatPublicKeyLine,
  parseAuthorizedKeys,
  parseKnownHosts,
  parsePublicKeyFile,
  parsePublicKeyLine,
  parseRevokedKeys,
  removeKnownHost,
} from "@nacre/keyfiles";
import { hostKeyChangesWith, keepHostKeysWith, linesOf, readKnownHostsLine } from "@nacre/keyfiles/internal";
import { generateEd25519 } from "@nacre/keys";
import { seededRandom } from "@nacre/testing/random";
import { equalBytes } from "@nacre/wire";
import { parseExpiryTime, utcTime } from "../../../packages/keyfiles/src/expiry-time.ts";
import { hmacSha1 } from "../../../packages/keyfiles/src/hashed-names.ts";
import { attempt, expectEqual, expectSafe, expectTrue } from "../contract.ts";
import type { Target } from "../fuzzer/target.ts";
import { Input, latin1 } from "../input.ts";

const KEY = generateEd25519(seededRandom(31)).publicKey;
const PLACES = [
  { host: "example.com", port: 22 },
  { host: "192.0.2.1", port: 2222 },
] as const;

/** A public key line, and a public key file. */
export const publicKeyLines: Target = {
  name: "public-key-lines",
  run: (bytes) => {
    const text = latin1(bytes);
    attempt(() => parsePublicKeyFile(text));
    const parsed = attempt(() => parsePublicKeyLine(text));
    if (parsed === undefined) return;
    const line = attempt(() => formatPublicKeyLine(parsed.publicKey, parsed.comment));
    if (line !== undefined) expectEqual(parsePublicKeyLine(line), parsed, "a public key line written and read");
  },
};

/** A known_hosts file. An added key must be known, a removed one must not, and other lines must not change. */
export const knownHosts: Target = {
  name: "known-hosts",
  run: (bytes) => {
    const text = latin1(bytes);
    const hosts = parseKnownHosts({ name: "known_hosts", text });
    for (const { problem } of hosts.problems) expectSafe(problem);
    for (const { host, port } of PLACES) {
      const before = hosts.check(host, port, KEY.blob);
      hosts.formats(host, port);
      const { status: certified, authorities } = hosts.check(host, port, KEY.blob, KEY.blob);
      expectEqual(certified, before.status, "status of a key that is its own authority");
      expectTrue(authorities.length === 0 || hosts.hasAuthority(host, port), "an authority is not announced");
      const added = addKnownHost(text, host, port, KEY.blob);
      expectTrue(added.startsWith(text), "addKnownHost changed existing text");
      const status = parseKnownHosts({ name: "known_hosts", text: added }).check(host, port, KEY.blob).status;
      expectEqual(status, before.status === "revoked" ? "revoked" : "match", `status of a key added for ${host}`);

      const { text: rest, removed } = removeKnownHost(added, host, port);
      expectTrue(removed.length > 0, "removeKnownHost did not remove the added line");
      const left = parseKnownHosts({ name: "known_hosts", text: rest }).find(host, port);
      expectTrue(
        left.every(({ marker }) => marker !== undefined),
        `a line for ${host} is left`,
      );
    }
  },
};

/** A known_hosts file as keygen takes it apart, the changes that a server's keys make to it, and a list of revoked keys. */
export const hostKeyLists: Target = {
  name: "host-key-lists",
  run: (bytes) => {
    const text = latin1(bytes);
    for (const line of linesOf(text)) {
      const read = readKnownHostsLine(line, hmacSha1);
      if (read.kind === "entry") expectTrue(line.endsWith(read.key), "a key is not the end of its line");
    }
    for (const { host, port } of PLACES) {
      hostKeyChangesWith(hmacSha1, host, port, [KEY.blob], { name: "known_hosts", text });
      const kept = keepHostKeysWith(hmacSha1, text, host, port, [KEY.blob]);
      const left = parseKnownHosts({ name: "known_hosts", text: kept }).find(host, port);
      expectTrue(
        left.every(({ marker, blob }) => marker !== undefined || equalBytes(blob, KEY.blob)),
        `an old key of ${host} is left`,
      );
    }
    attempt(() => parseRevokedKeys(bytes));
  },
};

/** An authorized_keys file, and checks of its keys from several addresses. */
export const authorizedKeys: Target = {
  name: "authorized-keys",
  run: (bytes) => {
    const file = parseAuthorizedKeys(latin1(bytes));
    for (const { problem } of file.problems) expectSafe(problem);
    for (const { blob } of file.keys.slice(0, 4)) {
      for (const address of ["192.0.2.1", "2001:db8::1", "not an address", undefined]) {
        const check = file.check(blob, { address, hostName: "example.com", now: 1_700_000_000_000 });
        if (check.allowed) expectEqual(check.key.blob, blob, "key of the line");
        else expectTrue(check.reasons.length > 0, "a key of the file is refused without a reason");
      }
    }
  },
};

/** A time of `expiry-time=`. Only times that exist in the calendar may be accepted. */
export const expiryTimes: Target = {
  name: "expiry-times",
  run: (bytes) => {
    const text = new Input(bytes).text();
    const time = parseExpiryTime(text);
    if (time === undefined) return;
    const { year, month, day, hour, minute, second } = time;
    expectEqual(utcTime(time), Date.UTC(year, month - 1, day, hour, minute, second), `time of ${text}`);
    const digits = [
      String(year).padStart(4, "0"),
      ...[month, day, hour, minute, second].map((part) => String(part).padStart(2, "0")),
    ];
    expectTrue(digits.join("").startsWith(text.replace(/\D+$/, "")), `${text} is read as ${digits.join("-")}`);
  },
};
