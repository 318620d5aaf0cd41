const { Client, utils } = require("ssh2");

const { HOST: host, PORT: port, USER_NAME: username, PASSWORD: password } = process.env;
const client = new Client();
client
  .on("handshake", ({ kex }) => console.log(kex))
  .on("ready", () => {
    client.exec("echo ran", (error, channel) => {
      if (error) throw error;
      channel.on("data", (data) => process.stdout.write(data));
      channel.on("close", (code) => {
        console.log(code);
        client.sftp((failed, sftp) => {
          if (failed) throw failed;
          sftp.stat("/tmp", (lost, stats) => {
            console.log(lost, stats.isDirectory());
            client.end();
          });
        });
      });
    });
  })
  .on("close", () =>
    console.log("closed", require("ssh2/package.json").name, utils.generateKeyPairSync("ed25519").public.length),
  )
  .connect({ host, port: Number(port), username, password });
