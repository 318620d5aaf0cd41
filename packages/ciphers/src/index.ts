export { aes128Ctr, aes192Ctr, aes256Ctr } from "./aes-ctr.ts";
export { aes128Gcm, aes256Gcm } from "./aes-gcm.ts";
export { chacha20Poly1305 } from "./chacha20-poly1305.ts";
export { hmacSha256, hmacSha256Etm, hmacSha512, hmacSha512Etm } from "./hmac.ts";
