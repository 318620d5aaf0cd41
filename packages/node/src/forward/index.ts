// The forwards of `Client`, which loads them on demand.
export { forwardDynamic } from "./dynamic.ts";
export { forwardLocal } from "./local.ts";
export { forwardRemote, forwardRemoteDynamic } from "./remote.ts";
