import { Gssapi } from "./gssapi/gssapi.ts";
import { Realm } from "./gssapi/realm.ts";
import type { LoginMethod } from "./login-method.ts";

/** Login methods that tests add on both sides, using only the public API. */
export const LOGIN_METHODS: readonly LoginMethod[] = [new Gssapi(new Realm({}), "")];
