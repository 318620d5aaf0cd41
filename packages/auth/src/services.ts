/** The service that authentication is (RFC 4252 §1). */
export const SERVICE_USERAUTH = "ssh-userauth";
/** The service that authentication leads to (RFC 4254 §1). */
export const SERVICE_CONNECTION = "ssh-connection";
