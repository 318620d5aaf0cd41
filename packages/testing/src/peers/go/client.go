// Client on golang.org/x/crypto/ssh for tests of a server. Its argument is a JSON object of type task. Prints the results as JSON.
package main

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"golang.org/x/crypto/ssh"
)

type task struct {
	Port int
	// HostKey is the type and the base64 text of the server's key.
	HostKey  []string
	Key      string
	Password string
	Answers  []string
	// RekeyThreshold is the number of bytes after which the client starts a rekey; 0 selects the library's default.
	RekeyThreshold uint64
}

type ran struct {
	Out    string `json:"out"`
	Err    string `json:"err"`
	Status int    `json:"status"`
}

type result struct {
	Version string `json:"version"`
	Refused bool   `json:"refused"`
	Prompts []any  `json:"prompts,omitempty"`
	Digest  string `json:"digest,omitempty"`
	Simple  *ran   `json:"simple,omitempty"`
	Cat     *ran   `json:"cat,omitempty"`
}

func main() {
	var task task
	must(json.Unmarshal([]byte(os.Args[1]), &task))
	blob, err := base64.StdEncoding.DecodeString(task.HostKey[1])
	must(err)
	hostKey, err := ssh.ParsePublicKey(blob)
	must(err)

	var result result
	config := &ssh.ClientConfig{
		Config:            ssh.Config{RekeyThreshold: task.RekeyThreshold},
		User:              "alice",
		HostKeyCallback:   ssh.FixedHostKey(hostKey),
		HostKeyAlgorithms: []string{task.HostKey[0]},
		Auth:              []ssh.AuthMethod{method(&task, &result)},
	}
	client, err := ssh.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", task.Port), config)
	// The library has no type for this error.
	result.Refused = err != nil && bytes.Contains([]byte(err.Error()), []byte("unable to authenticate"))
	if !result.Refused {
		must(err)
		result.Version = string(client.ServerVersion())
		result.Simple = run(client, "echo out; echo err >&2; exit 3", nil)
		data := make([]byte, 4<<20)
		rand.Read(data)
		result.Digest = digest(data)
		result.Cat = run(client, "cat", data)
		must(client.Close())
	}
	must(json.NewEncoder(os.Stdout).Encode(result))
}

func method(task *task, result *result) ssh.AuthMethod {
	switch {
	case task.Key != "":
		pem, err := os.ReadFile(task.Key)
		must(err)
		signer, err := ssh.ParsePrivateKey(pem)
		must(err)
		return ssh.PublicKeys(signer)
	case task.Password != "":
		return ssh.Password(task.Password)
	default:
		return ssh.KeyboardInteractive(func(name, instruction string, prompts []string, echos []bool) ([]string, error) {
			questions := []any{}
			for i, prompt := range prompts {
				questions = append(questions, []any{prompt, echos[i]})
			}
			result.Prompts = append(result.Prompts, []any{name, instruction, questions})
			return task.Answers[:len(prompts)], nil
		})
	}
}

func run(client *ssh.Client, command string, input []byte) *ran {
	session, err := client.NewSession()
	must(err)
	defer session.Close()
	var out, stderr bytes.Buffer
	session.Stdin, session.Stdout, session.Stderr = bytes.NewReader(input), &out, &stderr
	ran := &ran{}
	var exit *ssh.ExitError
	if err := session.Run(command); errors.As(err, &exit) {
		ran.Status = exit.ExitStatus()
	} else {
		must(err)
	}
	ran.Err, ran.Out = stderr.String(), out.String()
	if out.Len() >= 1000 {
		ran.Out = digest(out.Bytes())
	}
	return ran
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
