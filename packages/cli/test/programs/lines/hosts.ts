import type { Line } from "./line.ts";

/** Host keys, ways to a host, and configuration files. */
export const HOSTS: readonly Line[] = [
  {
    name: "strict and unknown",
    line: "$S -o UserKnownHostsFile=/dev/null -o GlobalKnownHostsFile=none -o StrictHostKeyChecking=yes box true",
    status: 255,
    out: "",
    err: "No ED25519 host key is known for [127.0.0.1]:P and you have requested strict checking.\nHost key verification failed.\n",
  },
  {
    name: "batch and unknown",
    line: "$S -o BatchMode=yes -o UserKnownHostsFile=/dev/null -o GlobalKnownHostsFile=none box true",
    status: 255,
    out: "",
    err: "Host key verification failed.\n",
  },
  {
    name: "accept-new",
    line: "$S -o UserKnownHostsFile=kh -o GlobalKnownHostsFile=none -o StrictHostKeyChecking=accept-new -o HostKeyAlgorithms=ssh-ed25519 -o HashKnownHosts=no box echo in; cut -d' ' -f1,2 kh",
    status: 0,
    out: "in\n[127.0.0.1]:P ssh-ed25519\n",
  },
  {
    name: "HashKnownHosts",
    line: '$S -o UserKnownHostsFile=kh -o StrictHostKeyChecking=accept-new -o HashKnownHosts=yes box true 2>/dev/null; cut -c1-3 kh; ssh-keygen -f kh -F "[127.0.0.1]:$P" | grep -c found',
    status: 0,
    out: "|1|\n1\n",
  },
  {
    name: "changed key",
    line: `grep "]:$P2 " $KH | sed "s/]:$P2 /]:$P /" > kh; $S -o UserKnownHostsFile=kh -o StrictHostKeyChecking=yes box true 2>&1 | grep -E 'CHANGED|verification failed'`,
    status: 0,
    out: "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\nHost key verification failed.\n",
  },
  {
    name: "changed key with StrictHostKeyChecking no",
    line: 'grep "]:$P2 " $KH | sed "s/]:$P2 /]:$P /" > kh; $S -o UserKnownHostsFile=kh -o StrictHostKeyChecking=no box true',
    status: 0,
  },
  {
    name: "HostKeyAlias",
    line: 'sed "s/^[^ ]* /other /" $KH > kh; $S -o HostKeyAlias=other -o UserKnownHostsFile=kh -o StrictHostKeyChecking=yes box echo in',
    status: 0,
    out: "in\n",
  },
  {
    name: "list of known hosts files",
    line: '$S -o "UserKnownHostsFile=none.kh $KH" -o StrictHostKeyChecking=yes box echo in',
    status: 0,
    out: "in\n",
  },
  {
    name: "KnownHostsCommand",
    line: '$S -o UserKnownHostsFile=none -o GlobalKnownHostsFile=none -o "KnownHostsCommand=/usr/bin/cat $KH" -o StrictHostKeyChecking=yes box echo in',
    status: 0,
    out: "in\n",
  },
  {
    name: "RevokedHostKeys",
    line: `grep "]:$P ssh-ed" $KH | cut -d' ' -f2- > rk; $S -o RevokedHostKeys=rk -o HostKeyAlgorithms=ssh-ed25519 box true`,
    status: 255,
    out: "",
    err: true,
  },
  { name: "-J", line: "$S -J jump box 'echo hi'", status: 0, out: "hi\n" },
  { name: "-J with two hosts", line: "$S -J jump,box far echo hi", status: 0, out: "hi\n" },
  { name: "ProxyJump", line: "$S far echo hi", status: 0, out: "hi\n" },
  {
    name: "-J twice",
    line: "$S -J jump -J jump box true",
    status: 255,
    out: "",
    err: "Only a single -J option is permitted (use commas to separate multiple jump hops)\n",
  },
  { name: "ProxyCommand", line: "$S dialled echo hi", status: 0, out: "hi\n" },
  { name: "ProxyCommand that fails", line: "$S fails true", status: 255 },
  { name: "jump host that is down", line: "$S -J 127.0.0.1:1 box true", status: 255, err: true },
  {
    name: "Match exec",
    line: "printf 'Match exec \"test %%n = zz\"\\n HostName 127.0.0.1\\n Port %s\\nInclude %s\\n' $P $C > c; chmod 600 c; $S -F c zz echo hi",
    status: 0,
    out: "hi\n",
  },
  { name: "-P", line: "$S -P t tagged echo hi", status: 0, out: "hi\n" },
];
