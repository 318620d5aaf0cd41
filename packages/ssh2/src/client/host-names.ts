import { isIP, SocketAddress } from "node:net";
import { domainToASCII } from "node:url";
import { type HostKeyCheck, hostName, type KnownHosts } from "@nacre/keyfiles/internal";
import { type KnownHostKeys, SshError } from "nacre/extend";

/** Port of the names that have none in known_hosts. */
const SSH_PORT = 22;

/**
 * Returns the names of a host to look up in known_hosts: its usual spelling first, then the others under which a line may have it. The
 * resolver takes many spellings of one host: `example.org.`, `2001:db8:0::1`, `::ffff:192.0.2.1`. Leaves out names that known_hosts cannot
 * hold, such as paths; empty if it can hold none.
 */
export function knownHostNames(host: string): readonly string[] {
  const bare = host.replace(/^\[(.*)\]$/, "$1");
  const [address = "", zone] = bare.split("%", 2);
  const usual = isIP(address) === 6 ? addressNames(address, zone) : [domainToASCII(bare).replace(/\.$/, "")];
  return [...new Set([...usual, bare, host])].filter(canBeHeld);
}

function addressNames(address: string, zone: string | undefined): readonly string[] {
  const usual = new SocketAddress({ address, family: "ipv6" }).address;
  if (zone !== undefined) return [`${usual}%${zone}`];
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(usual)?.[1];
  return mapped === undefined ? [usual] : [mapped, usual];
}

function canBeHeld(name: string): boolean {
  try {
    hostName(name, SSH_PORT);
    return true;
  } catch (error) {
    if (error instanceof SshError) return false;
    throw error;
  }
}

/** Looks a host up under several names. The strictest result counts: a revoked key, then a changed one, then a match. */
export function underNames(known: KnownHosts, names: readonly string[]): KnownHostKeys {
  return {
    check(_host, port, blob, authority) {
      const checks = names.map((name) => known.check(name, port, blob, authority));
      const strictest = STRICTEST_FIRST.map((status) => checks.find((one) => one.status === status)).find(Boolean)!;
      return { ...strictest, authorities: checks.flatMap(({ authorities }) => authorities) };
    },
    formats: (_host, port) => [...new Set(names.flatMap((name) => known.formats(name, port)))],
    hasAuthority: (_host, port) => names.some((name) => known.hasAuthority(name, port)),
  };
}

const STRICTEST_FIRST: readonly HostKeyCheck["status"][] = ["revoked", "changed", "match", "unknown"];
