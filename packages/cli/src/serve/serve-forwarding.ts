import { type TcpForwardingOptions, tcpForwarding } from "@nacre/node";
import type { Forwarding } from "nacre";

/**
 * Makes the forwarding of `nacre serve`. A login that may run any command reaches this machine's services anyway, so `*` includes this
 * machine for it. `exec` says whether logins without a forced command may.
 */
export function serveForwarding(options: TcpForwardingOptions, exec: boolean): Forwarding {
  const restricted = tcpForwarding(options);
  const open = tcpForwarding({ ...options, permitThisMachine: true });
  return {
    ...restricted,
    connect: (target, context) => {
      // rule: serve-forwarding-machine
      const mayRunCommands = exec && context.forcedCommand === undefined;
      return (mayRunCommands ? open : restricted).connect!(target, context);
    },
  };
}
