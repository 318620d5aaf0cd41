// Server on golang.org/x/crypto/ssh for tests of a client. Its argument is a JSON object of type task. Prints its port, and exits at the end
// of its standard input.
package main

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"

	"golang.org/x/crypto/ssh"
)

type task struct {
	HostKey  string
	UserKey  string
	Password string
	Answers  []string
	// RekeyThreshold is the number of bytes after which the server starts a rekey; 0 selects the library's default.
	RekeyThreshold uint64
}

var refused = errors.New("refused")

func main() {
	var task task
	must(json.Unmarshal([]byte(os.Args[1]), &task))
	pem, err := os.ReadFile(task.HostKey)
	must(err)
	hostKey, err := ssh.ParsePrivateKey(pem)
	must(err)
	userKey, _, _, _, err := ssh.ParseAuthorizedKey([]byte(task.UserKey))
	must(err)
	config := &ssh.ServerConfig{
		Config: ssh.Config{RekeyThreshold: task.RekeyThreshold},
		PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			return decide(subtle.ConstantTimeCompare(key.Marshal(), userKey.Marshal()) == 1)
		},
		PasswordCallback: func(_ ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			return decide(string(password) == task.Password)
		},
		KeyboardInteractiveCallback: func(_ ssh.ConnMetadata, challenge ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			answers, err := challenge("", "", []string{"First: ", "Second: "}, []bool{false, true})
			if err != nil {
				return nil, err
			}
			return decide(fmt.Sprint(answers) == fmt.Sprint(task.Answers))
		},
	}
	config.AddHostKey(hostKey)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	for {
		conn, err := listener.Accept()
		must(err)
		go serve(conn, config)
	}
}

func decide(ok bool) (*ssh.Permissions, error) {
	if ok {
		return nil, nil
	}
	return nil, refused
}

func serve(conn net.Conn, config *ssh.ServerConfig) {
	defer conn.Close()
	_, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	go ssh.DiscardRequests(requests)
	for offered := range channels {
		channel, requests, err := offered.Accept()
		if err != nil {
			return
		}
		go session(channel, requests)
	}
}

// session runs the command of an exec request, and refuses other requests.
func session(channel ssh.Channel, requests <-chan *ssh.Request) {
	for request := range requests {
		request.Reply(request.Type == "exec", nil)
		if request.Type != "exec" {
			continue
		}
		var payload struct{ Command string }
		must(ssh.Unmarshal(request.Payload, &payload))
		go func() {
			defer channel.Close()
			command := exec.Command("/bin/sh", "-c", payload.Command)
			input, err := command.StdinPipe()
			must(err)
			command.Stdout, command.Stderr = channel, channel.Stderr()
			go func() {
				io.Copy(input, channel)
				input.Close()
			}()
			command.Run()
			status := struct{ Status uint32 }{uint32(command.ProcessState.ExitCode())}
			channel.SendRequest("exit-status", false, ssh.Marshal(status))
		}()
	}
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
