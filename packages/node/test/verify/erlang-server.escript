#!/usr/bin/env escript
%% A server on Erlang's ssh. Its arguments are a folder with its files, and the password; it prints its port, and ends when its
%% input does.
-mode(compile).

main([Folder, Password]) ->
    ok = ssh:start(),
    {ok, Daemon} = ssh:daemon({127, 0, 0, 1}, 0, [
        {system_dir, Folder},
        {user_dir, Folder},
        {pwdfun, fun(_, Given) -> Given =:= Password end},
        {exec, {direct, fun(Command) -> {ok, os:cmd(Command)} end}}
    ]),
    {ok, Info} = ssh:daemon_info(Daemon),
    io:format("~b~n", [proplists:get_value(port, Info)]),
    wait().

wait() ->
    case io:get_line("") of
        eof -> halt(0);
        _ -> wait()
    end.
