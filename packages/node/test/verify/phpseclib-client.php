<?php
/** Drives an SSH server with phpseclib as its one argument, a JSON object, says; prints the results as JSON. */
use phpseclib3\Crypt\PublicKeyLoader;
use phpseclib3\Net\SSH2;

require 'phpseclib3/autoload.php';

$task = json_decode($argv[1], true);
$ssh = new SSH2('127.0.0.1', $task['port'], 20);
if ($ssh->getServerPublicHostKey() !== implode(' ', $task['hostKey'])) {
    throw new Exception('the host key is another one');
}
$secret = isset($task['key']) ? PublicKeyLoader::load(file_get_contents($task['key'])) : $task['password'];
$result = ['refused' => !$ssh->login('alice', $secret)];

function run(string $command): array
{
    global $ssh;
    $out = $ssh->exec($command);
    return ['out' => strlen($out) < 1000 ? $out : hash('sha256', $out), 'err' => $ssh->getStdError(), 'status' => $ssh->getExitStatus()];
}

if (!$result['refused']) {
    $ssh->enableQuietMode();
    $result['version'] = $ssh->getServerIdentification();
    $result['simple'] = run('echo out; echo err >&2; exit 3');
    $result['digest'] = hash_file('sha256', $task['file']);
    $result['cat'] = run('cat ' . escapeshellarg($task['file']));
}
$ssh->disconnect();
echo json_encode($result);
