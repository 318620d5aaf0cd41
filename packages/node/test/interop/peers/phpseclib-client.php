<?php
/** Drives an SSH server with phpseclib as its one argument, a JSON object, says; prints the results as JSON. */
use phpseclib3\Crypt\PublicKeyLoader;
use phpseclib3\Net\SSH2;

require 'phpseclib3/autoload.php';

$ask = json_decode($argv[1], true);
$ssh = new SSH2('127.0.0.1', $ask['port'], 20);
if ($ssh->getServerPublicHostKey() !== implode(' ', $ask['hostKey'])) {
    throw new Exception('the host key is another one');
}
$secret = isset($ask['key']) ? PublicKeyLoader::load(file_get_contents($ask['key'])) : $ask['password'];
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
    $result['digest'] = hash_file('sha256', $ask['file']);
    $result['cat'] = run('cat ' . escapeshellarg($ask['file']));
}
$ssh->disconnect();
echo json_encode($result);
