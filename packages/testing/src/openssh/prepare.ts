// Installs the programs that the tests with OpenSSH need, and makes the image of their container, as `npm test` does beside its checks.
import { ensurePrograms, OPENSSH } from "../peers/install.ts";
import { findContainerEngine } from "./container-engine.ts";
import { ensureImage } from "./image.ts";

await ensurePrograms(OPENSSH);
// Without a container, the tests use a plain sshd, and say so.
if (process.env["NACRE_OPENSSH_PLAIN"] !== "1")
  await findContainerEngine()
    .then(ensureImage)
    .catch((error: unknown) => console.error(String(error)));
