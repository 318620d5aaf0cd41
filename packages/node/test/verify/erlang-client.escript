#!/usr/bin/env escript
%% Drives an SSH server with Erlang's ssh. Its arguments are the server's port, a folder with its files, a password or "" and a file;
%% it prints "refused", or the results of a command and of `cat` of the file, as JSON.
-mode(compile).

main([Port, Folder, Password, File]) ->
    % It logs to its standard output.
    ok = logger:set_primary_config(level, none),
    ok = ssh:start(),
    Login = case Password of
        "" -> [{auth_methods, "publickey"}];
        _ -> [{auth_methods, "password"}, {password, Password}]
    end,
    Options = [{user, "alice"}, {user_dir, Folder}, {user_interaction, false}, {quiet_mode, true} | Login],
    case ssh:connect("127.0.0.1", list_to_integer(Port), Options) of
        {ok, Connection} ->
            [{server_version, {_, Version}}] = ssh:connection_info(Connection, [server_version]),
            {ok, Data} = file:read_file(File),
            Simple = run(Connection, "echo out; echo err >&2; exit 3"),
            Cat = run(Connection, "cat '" ++ File ++ "'"),
            io:format("{\"refused\":false,\"version\":~p,\"digest\":\"~s\",\"simple\":~s,\"cat\":~s}~n",
                [Version, digest(Data), Simple, Cat]),
            ssh:close(Connection);
        {error, "Unable to connect using the available authentication methods"} ->
            io:format("{\"refused\":true}~n")
    end.

run(Connection, Command) ->
    {ok, Channel} = ssh_connection:session_channel(Connection, 20000),
    success = ssh_connection:exec(Connection, Channel, Command, 20000),
    collect(Connection, Channel, <<>>, <<>>, -1).

collect(Connection, Channel, Out, Err, Status) ->
    receive
        {ssh_cm, Connection, {data, Channel, 0, Data}} ->
            ssh_connection:adjust_window(Connection, Channel, byte_size(Data)),
            collect(Connection, Channel, <<Out/binary, Data/binary>>, Err, Status);
        {ssh_cm, Connection, {data, Channel, 1, Data}} ->
            ssh_connection:adjust_window(Connection, Channel, byte_size(Data)),
            collect(Connection, Channel, Out, <<Err/binary, Data/binary>>, Status);
        {ssh_cm, Connection, {eof, Channel}} ->
            collect(Connection, Channel, Out, Err, Status);
        {ssh_cm, Connection, {exit_status, Channel, Exit}} ->
            collect(Connection, Channel, Out, Err, Exit);
        {ssh_cm, Connection, {closed, Channel}} ->
            Text = if byte_size(Out) < 1000 -> Out; true -> digest(Out) end,
            io_lib:format("{\"out\":~s,\"err\":~s,\"status\":~b}", [quote(Text), quote(Err), Status])
    after 20000 -> error(timeout)
    end.

digest(Data) -> string:lowercase(binary:encode_hex(crypto:hash(sha256, Data))).

quote(Text) -> [$", string:replace(Text, "\n", "\\n", all), $"].
