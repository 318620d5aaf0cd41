import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname } from "node:path";

/** A registry on loopback with one package, so that projects name it as they would name a published one. */
export interface Registry {
  readonly url: string;
  close(): void;
}

/** Serves the package of a tarball, whose folder is removed. */
export async function startRegistry(tarball: string): Promise<Registry> {
  const text = execFileSync("tar", ["-xzOf", tarball, "package/package.json"], { encoding: "utf8" });
  const manifest = JSON.parse(text) as { readonly name: string; readonly version: string };
  const { name, version } = manifest;
  const bytes = readFileSync(tarball);
  rmSync(dirname(tarball), { recursive: true });
  const server = createServer(({ url: path = "/" }, response) => {
    if (path.endsWith(".tgz")) response.end(bytes);
    else if (decodeURIComponent(path) === `/${name}`) {
      const dist = {
        tarball: `${url}/${version}.tgz`,
        shasum: createHash("sha1").update(bytes).digest("hex"),
        integrity: `sha512-${createHash("sha512").update(bytes).digest("base64")}`,
      };
      const versions = { [version]: { ...manifest, dist } };
      response.setHeader("content-type", "application/json");
      // Each start packs another tarball of the same version: npm must not keep the digest of an earlier one.
      response.setHeader("cache-control", "no-store");
      response.end(JSON.stringify({ name, "dist-tags": { latest: version }, versions }));
    } else response.writeHead(404).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
