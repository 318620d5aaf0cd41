import type { Line } from "./line.ts";

/** Agents, shared connections and questions. */
export const LOGINS: readonly Line[] = [
  {
    name: "-A",
    line: "eval $(ssh-agent) > /dev/null; ssh-add -q $K; $S -A box ssh-add -l | grep -c SHA256; $S box 'ssh-add -l 2>&1 | head -1'; kill $SSH_AGENT_PID",
    status: 0,
    out: "1\nCould not open a connection to your authentication agent.\n",
  },
  {
    name: "IdentityAgent",
    line: "eval $(ssh-agent -a $PWD/ag) > /dev/null; ssh-add -q $K; unset SSH_AUTH_SOCK; $S -o IdentityAgent=$PWD/ag -o IdentitiesOnly=no -F none -p $P -o UserKnownHostsFile=$KH alice@127.0.0.1 echo in; kill $SSH_AGENT_PID",
    status: 0,
    out: "in\n",
  },
  {
    name: "AddKeysToAgent",
    line: "eval $(ssh-agent) > /dev/null; $S -o AddKeysToAgent=yes box true; ssh-add -l | grep -c SHA256; kill $SSH_AGENT_PID",
    status: 0,
    out: "1\n",
  },
  {
    name: "-O without a master",
    line: "$S -S $PWD/none -O check box",
    status: 255,
    err: "Control socket connect(DIR/none): No such file or directory\n",
  },
  {
    name: "ControlMaster auto",
    line: "for i in 1 2; do $S -o ControlMaster=auto -o ControlPath=$PWD/m -o ControlPersist=2s box echo $i; done; $S -o ControlPath=$PWD/m -O exit box > /dev/null 2>&1; true",
    status: 0,
    out: "1\n2\n",
  },
  {
    name: "a master of OpenSSH",
    line: "ssh -F $C -M -S $PWD/m -o ControlPersist=yes -fN box; $S -S $PWD/m -o PubkeyAuthentication=no -o BatchMode=yes box echo shared; ssh -S $PWD/m -O exit box 2> /dev/null",
    status: 0,
    out: "shared\n",
  },
  {
    name: "SSH_ASKPASS",
    line: "printf '#!/bin/sh\\necho \"$1\" > prompt\\necho %s\\n' \"'$PW'\" > ap; chmod 755 ap; SSH_ASKPASS=$PWD/ap SSH_ASKPASS_REQUIRE=force $S -o PubkeyAuthentication=no box whoami; rm ap",
    status: 0,
    out: "alice\n",
    files: { prompt: "alice@127.0.0.1's password: \n" },
  },
  {
    name: "SSH_ASKPASS for a new host",
    line: "printf '#!/bin/sh\\necho \"$1\" >> prompts\\nif grep -q yes/no prompts; then echo yes; fi\\n' > ap; chmod 755 ap; SSH_ASKPASS=$PWD/ap DISPLAY=:0 $S -o UserKnownHostsFile=kh -o GlobalKnownHostsFile=none box echo in 2> /dev/null; grep -E '^(The authenticity|Are you sure)' prompts | cut -d\"'\" -f1; cut -d' ' -f1 kh",
    status: 0,
    out: "in\nThe authenticity of host \nAre you sure you want to continue connecting (yes/no/[fingerprint])? \n[127.0.0.1]:P\n",
  },
  {
    name: "SSH_ASKPASS that fails",
    line: "SSH_ASKPASS=false SSH_ASKPASS_REQUIRE=force $S -o PreferredAuthentications=password -o NumberOfPasswordPrompts=2 box true",
    status: 255,
    out: "",
    err: "Permission denied, please try again.\nalice@127.0.0.1: Permission denied (publickey,password).\n",
  },
  {
    name: "SSH_ASKPASS that is missing",
    line: "SSH_ASKPASS=$T/none SSH_ASKPASS_REQUIRE=force $S -o PreferredAuthentications=password -o NumberOfPasswordPrompts=1 box true",
    status: 255,
    out: "",
    err: "ssh_askpass: exec(T/none): No such file or directory\nalice@127.0.0.1: Permission denied (publickey,password).\n",
  },
  {
    name: "SSH_ASKPASS for a passphrase",
    line: "printf '#!/bin/sh\\necho \"$1\" >> prompts\\necho %s\\n' '$WORD' > ap; chmod 755 ap; cp $K locked; ssh-keygen -q -p -N word -f locked > /dev/null; export SSH_ASKPASS=$PWD/ap DISPLAY=:0; for word in word '' wrong; do WORD=$word $S -o NumberOfPasswordPrompts=1 -o PasswordAuthentication=no -F none -o UserKnownHostsFile=$KH -o IdentitiesOnly=yes -p $P -i locked alice@127.0.0.1 echo in 2> /dev/null; echo $?; done; cat prompts; rm ap locked",
    status: 0,
    out: "in\n0\n255\n255\nEnter passphrase for key 'locked': \nEnter passphrase for key 'locked': \nEnter passphrase for key 'locked': \n",
  },
  {
    name: "SSH_ASKPASS in batch mode",
    line: "SSH_ASKPASS=$T/none SSH_ASKPASS_REQUIRE=force $S -o BatchMode=yes -o PreferredAuthentications=password box true",
    status: 255,
    out: "",
    err: "alice@127.0.0.1: Permission denied (publickey,password).\n",
  },
  {
    name: "SSH_ASKPASS_REQUIRE never",
    line: "SSH_ASKPASS=$T/none SSH_ASKPASS_REQUIRE=never DISPLAY=:0 $S -o PreferredAuthentications=password box true 2>&1 | grep -c askpass",
    status: 1,
    out: "0\n",
  },
  {
    name: "an agent that is gone",
    line: "SSH_AUTH_SOCK=$T/none $S box echo in; $S -o IdentityAgent=$T/none box echo in",
    status: 0,
    out: "in\nin\n",
    err: "",
  },
  {
    name: "PubkeyAcceptedAlgorithms",
    line: "$S -o PubkeyAcceptedAlgorithms=ssh-ed25519 box echo in; $S -o BatchMode=yes -o PubkeyAcceptedAlgorithms=rsa-sha2-512 box true",
    status: 255,
    out: "in\n",
    err: "alice@127.0.0.1: Permission denied (publickey,password).\n",
  },
  { name: "sshpass", line: 'sshpass -p "$PW" $S -o PubkeyAuthentication=no box whoami', status: 0, out: "alice\n" },
  {
    name: "sshpass with a wrong password",
    line: "sshpass -p wrong $S -o PubkeyAuthentication=no -o NumberOfPasswordPrompts=1 box whoami",
    status: 255,
  },
  {
    name: "sshpass and an unknown host",
    line: 'sshpass -p "$PW" $S -o UserKnownHostsFile=kh -o GlobalKnownHostsFile=none -o PubkeyAuthentication=no box whoami',
    status: 6,
  },
];
