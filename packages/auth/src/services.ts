/** Name of the authentication service (RFC 4252 §1). */
export const SERVICE_USERAUTH = "ssh-userauth";
/** Name of the service that runs after authentication (RFC 4254 §1). */
export const SERVICE_CONNECTION = "ssh-connection";
