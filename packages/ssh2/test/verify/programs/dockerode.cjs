const Docker = require("dockerode");

const { HOST: host, FAKE_PORT: port, USER_NAME: username, PASSWORD: password } = process.env;
const docker = new Docker({ protocol: "ssh", host, port, username, password, sshOptions: { password } });

async function main() {
  console.log((await docker.version()).Version);
  console.log((await Promise.all([docker.listContainers(), docker.listContainers()])).map((list) => list.length));
  console.log((await docker.createContainer({ Image: "alpine" })).id);
  await docker
    .getContainer("none")
    .inspect()
    .catch((error) => console.log(error.statusCode, error.json.message));
  const closed = new Docker({ protocol: "ssh", host, port: 1, username, sshOptions: { password } });
  await closed.version().catch((error) => console.log(error.code, error.level));
}
void main();
