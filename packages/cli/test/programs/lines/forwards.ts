import type { Line } from "./line.ts";

/** Forwards, and what runs in the background. */
export const FORWARDS: readonly Line[] = [
  {
    name: "LocalCommand",
    line: "$S -o PermitLocalCommand=yes -o 'LocalCommand=echo %h %n > lc' box true",
    status: 0,
    files: { lc: "127.0.0.1 box\n" },
  },
  { name: "-f", line: "$S -f box 'sleep 5; echo later'; echo now", status: 0, out: "now\nlater\n" },
  {
    name: "-f without a command",
    line: "$S -f box",
    status: 255,
    out: "",
    err: "Cannot fork into background without a command to execute.\n",
  },
  {
    name: "-L",
    line: "$S -f -L $Q:127.0.0.1:$P box sleep 10 > /dev/null; timeout 30 head -c 7 < /dev/tcp/127.0.0.1/$Q",
    status: 0,
    out: "SSH-2.0",
  },
  {
    name: "-L at a socket",
    line: "$S -f -L $PWD/x.sock:127.0.0.1:$P box sleep 10 > /dev/null; curl -s --http0.9 --max-time 30 --unix-socket x.sock http://x/ | head -c 7",
    status: 0,
    out: "SSH-2.0",
  },
  {
    name: "-L at a port in use",
    line: "$S -o ExitOnForwardFailure=yes -L 127.0.0.1:$P:127.0.0.1:1 box true",
    status: 255,
    err: "bind [127.0.0.1]:P: Address already in use\nchannel_setup_fwd_listener_tcpip: cannot listen to port: P\nCould not request local forwarding.\n",
  },
  { name: "-L at a port in use goes on", line: "$S -L 127.0.0.1:$P:127.0.0.1:1 box true", status: 0, err: true },
  {
    name: "bad -L",
    line: "$S -L 1:2 box true",
    status: 255,
    out: "",
    err: "Bad local forwarding specification '1:2'\n",
  },
  {
    name: "-R",
    line: `$S -R $Q:127.0.0.1:$P box "timeout 30 bash -c 'head -c 7 < /dev/tcp/127.0.0.1/$Q'"`,
    status: 0,
    out: "SSH-2.0",
  },
  {
    name: "-R 0",
    line: "$S -R 0:127.0.0.1:$P box true 2>&1 | sed 's/port [0-9]*/port N/'",
    status: 0,
    out: "Allocated port N for remote forward to 127.0.0.1:P\n",
  },
  {
    name: "-D",
    line: "$S -f -D $Q box sleep 10 > /dev/null; curl -s --http0.9 --max-time 30 --socks5-hostname 127.0.0.1:$Q http://127.0.0.1:$P/ | head -c 7",
    status: 0,
    out: "SSH-2.0",
  },
  { name: "-W", line: "$S -W 127.0.0.1:$P box < /dev/null | head -c 7", status: 0, out: "SSH-2.0" },
  {
    name: "-W refused",
    line: "$S -W 127.0.0.1:1 box < /dev/null",
    status: 255,
    err: "channel 0: open failed: connect failed: Connection refused\nstdio forwarding failed\n",
  },
  {
    name: "ClearAllForwardings",
    line: "$S -o ClearAllForwardings=yes -L 127.0.0.1:$P:x:1 -o ExitOnForwardFailure=yes box echo hi",
    status: 0,
    out: "hi\n",
  },
];
