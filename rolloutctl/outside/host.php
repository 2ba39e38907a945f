<?php

// The host's eyes: what only the application's own PHP can say about its .env, its cached config and its answers.
//
//     php host.php COMMAND IN.json OUT.json
//
// Run in the application's folder by the session's script; the answer goes to OUT.json, because a booting application may print.
// Works with PHP 7.4 to 8.4 and phpdotenv 4 and 5. Nothing here changes a live file: `patch` and `unedit` write aside.
// docs/protocol.md describes each command's input and answer.

error_reporting(E_ALL & ~E_DEPRECATED & ~E_USER_DEPRECATED);
ini_set('display_errors', 'stderr');
ini_set('opcache.enable_cli', '0');

main($argv);

function main(array $argv): void
{
    list(, $command, $in, $out) = $argv + [2 => '', ''];
    if ($command === 'serve') {
        serve($in, $out, (int) $argv[4]);
        return;
    }
    if ($command === 'stay') {
        stay();
        return;
    }
    answer($command, $in, $out);
}

function answer(string $command, string $in, string $out): void
{
    $input = json_decode((string) file_get_contents($in), true);
    $input['here'] = dirname($in);
    $answers = ['state' => 'state', 'check' => 'check', 'diff' => 'diff_caches', 'patch' => 'patch', 'unedit' => 'unedit', 'ask' => 'ask'];
    $answer = call_user_func($answers[$command], $input);
    file_put_contents($out, as_json($answer));
}

// ------------------------------------------------------------------------------------------- one for a whole session

/**
 * Answer one question after another: lines of words with tabs between on descriptor 5, a line for each on 4.
 *
 *     answer SECONDS FOLDER COMMAND IN.json OUT.json [NAME=VALUE...]   exit status, and OUT.json in base64 where it is short
 *     sha FILE                                                         its SHA-256, or - where it can't be read
 *     flush FILE|FOLDER...                                             "flushed", or -
 *     digest TEXT                                                      its SHA-256
 *     end FILE                                                         how many lines, SHA-256 of the last, time; - for a
 *                                                                      file without lines, or with a torn one at its end
 *
 * A quarter of an hour without any is the end, too. Without pcntl nothing is answered at all.
 */
function stay(): void
{
    foreach (['fork', 'alarm', 'waitpid', 'wifexited', 'wexitstatus', 'wtermsig'] as $name) {
        if (!function_exists("pcntl_$name")) {
            return;
        }
    }
    $asks = fopen('php://fd/5', 'r');
    $answers = fopen('php://fd/4', 'w');
    do {
        $ready = [$asks];
        $none = null;
        if (!stream_select($ready, $none, $none, 900) || ($line = fgets($asks)) === false) {
            return;
        }
        $words = explode("\t", rtrim($line, "\n"));
        $ask = array_shift($words);
        pcntl_alarm($ask === 'answer' ? (int) $words[0] + 5 : 10); // its default is to end us, also in the middle of an open
        $said = ['answer' => 'answer_apart', 'sha' => 'hash_of', 'flush' => 'flush_all', 'digest' => 'digest', 'end' => 'end_of'][$ask]($words);
        pcntl_alarm(0);
    } while (fwrite($answers, $said . "\n"));
}

/** In a fork, because an application may do anything: leave classes behind, print, call exit. */
function answer_apart(array $words): string
{
    list($seconds, $folder, $command, $in, $out) = $words;
    $child = pcntl_fork();
    if ($child === 0) {
        pcntl_alarm((int) $seconds);
        foreach (array_slice($words, 5) as $variable) {
            place_in_environment($variable);
        }
        if (chdir($folder)) {
            answer($command, $in, $out);
            exit(0);
        }
        exit(1);
    }
    if ($child === -1 || pcntl_waitpid($child, $status) !== $child) {
        return '-';
    }
    if (!pcntl_wifexited($status)) {
        return pcntl_wtermsig($status) === SIGALRM ? '124' : (string) (128 + pcntl_wtermsig($status));
    }
    clearstatcache();
    $short = is_file($out) && filesize($out) <= 3000; // the session's shell reads byte by byte
    return trim(pcntl_wexitstatus($status) . ' ' . ($short ? base64_encode((string) file_get_contents($out)) : ''));
}

/** As php does at its start, by its own settings. */
function place_in_environment(string $variable): void
{
    list($name, $value) = explode('=', $variable, 2);
    putenv($variable);
    $order = (string) ini_get('variables_order');
    if (stripos($order, 'S') !== false) {
        $_SERVER[$name] = $value;
    }
    if (stripos($order, 'E') !== false) {
        $_ENV[$name] = $value;
    }
}

/** Of a file, and of nothing else that may stand there by now: an open with "n" waits for no fifo. */
function hash_of(array $words): string
{
    $opened = @fopen($words[0], 'rn');
    if ($opened === false || (fstat($opened)['mode'] & 0170000) !== 0100000) {
        return '-';
    }
    $hash = hash_init('sha256');
    hash_update_stream($hash, $opened);
    return hash_final($hash);
}

function flush_all(array $files): string
{
    foreach ($files as $file) {
        $opened = function_exists('fsync') ? @fopen($file, 'rn') : false; // since PHP 8.1
        if ($opened === false || !@fsync($opened)) {
            return '-';
        }
    }
    return 'flushed';
}

function digest(array $words): string
{
    return hash('sha256', $words[0]);
}

function end_of(array $words): string
{
    $opened = @fopen($words[0], 'rn');
    $lines = 0;
    $last = '';
    while ($opened !== false && (string) ($piece = fread($opened, 1 << 20)) !== '') {
        $lines += substr_count($piece, "\n");
        $from = strrpos(substr($piece, 0, -1), "\n"); // where the last line of this piece begins
        $last = $from === false && substr($last, -1) !== "\n" ? $last . $piece : substr($piece, $from === false ? 0 : $from + 1);
    }
    return substr($last, -1) === "\n" ? $lines . ' ' . hash('sha256', substr($last, 0, -1)) . ' ' . gmdate('Y-m-d\TH:i:s\Z') : '-';
}

function as_json(array $answer): string
{
    return json_encode($answer, JSON_UNESCAPED_SLASHES | JSON_PARTIAL_OUTPUT_ON_ERROR | JSON_INVALID_UTF8_SUBSTITUTE | JSON_PRESERVE_ZERO_FRACTION);
}

// ------------------------------------------------------------------------------------------------- the application

/** What stands in .env and in the cached config, for the declared flags only. */
function state(array $in): array
{
    $application = boot();
    $cache = $application['cache'];
    $settings = null;
    if ($cache !== null && is_file($cache)) {
        $settings = picked(load_cache($cache), $in['settings']);
    }
    return [
        'php' => PHP_VERSION,
        'laravel' => $application['version'],
        'boot_error' => $application['error'],
        'cache' => $cache,
        'env' => $application['env'],
        'settings' => $settings,
        'file' => flags_in($in['env_file'], $in['keys']),
    ];
}

/** Before anything is built: where the application would write, which file it reads, and what our edit means. */
function check(array $in): array
{
    $application = boot();
    $old = parsed($in['old']);
    $new = parsed($in['here'] . '/' . $in['new']);
    $answer = ['cache' => $application['cache'], 'env' => $application['env'], 'boot_error' => $application['error'], 'old_error' => $old['error'], 'new_error' => $new['error'], 'changed' => [], 'got' => []];
    if ($new['values'] !== null) {
        foreach ($in['keys'] as $key) {
            $answer['got'][$key] = $new['values'][$key] ?? null;
        }
        $answer['got'] = (object) $answer['got'];
        if ($old['values'] !== null) {
            $answer['changed'] = differing($old['values'], $new['values']);
        }
    }
    return $answer;
}

/** Boot far enough to ask for paths: no provider runs, nothing connects. */
function boot(): array
{
    $found = ['cache' => null, 'env' => null, 'version' => null, 'error' => null];
    try {
        require_once getcwd() . '/vendor/autoload.php';
        $application = require getcwd() . '/bootstrap/app.php';
        $found['version'] = $application->version();
        $found['cache'] = $application->getCachedConfigPath();
        $found['env'] = realpath($application->environmentFilePath()) ?: $application->environmentFilePath();
    } catch (\Throwable $error) {
        // A message may quote a value; that of a syntax error quotes source code only.
        $why = $error instanceof \ParseError ? ': ' . $error->getMessage() : '';
        $found['error'] = get_class($error) . $why . ' (' . basename($error->getFile()) . ':' . $error->getLine() . ')';
    }
    return $found;
}

// ---------------------------------------------------------------------------------------------------------- .env

function flags_in(string $file, array $keys): array
{
    $parsed = parsed($file);
    $found = ['error' => $parsed['error'], 'values' => (object) [], 'undeclared' => []];
    if ($parsed['values'] === null) {
        return $found;
    }
    $values = [];
    foreach ($parsed['values'] as $key => $value) {
        if (in_array((string) $key, $keys, true)) {
            $values[$key] = $value;
        } elseif (strpos((string) $key, 'FEATURE_') === 0) {
            $found['undeclared'][] = (string) $key;
        }
    }
    $found['values'] = (object) $values;
    return $found;
}

/** @return array{values: ?array, error: ?array} the error names a key and a line, never a value */
function parsed(string $file): array
{
    $content = @file_get_contents($file);
    if ($content === false) {
        return ['values' => null, 'error' => ['what' => 'unreadable', 'key' => null, 'line' => null]];
    }
    if (!class_exists('Dotenv\Dotenv') || !method_exists('Dotenv\Dotenv', 'parse')) {
        return ['values' => null, 'error' => ['what' => 'no phpdotenv', 'key' => null, 'line' => null]];
    }
    if (method_exists('Dotenv\Util\Str', 'utf8')) { // what phpdotenv 5 does to a file, and not to a text: BOM, encoding
        $content = \Dotenv\Util\Str::utf8($content)->success()->getOrElse($content);
    }
    try {
        return ['values' => \Dotenv\Dotenv::parse($content), 'error' => null];
    } catch (\Throwable $error) {
        return ['values' => null, 'error' => blame($content)];
    }
}

/** The first entry that phpdotenv rejects when it stands alone. */
function blame(string $content): array
{
    $lines = preg_split("/(\r\n|\n|\r)/", $content);
    $class = class_exists('Dotenv\Parser\Lines') ? 'Dotenv\Parser\Lines' : 'Dotenv\Loader\Lines';
    $from = 0;
    foreach ($class::process($lines) as $entry) {
        $first = strtok($entry, "\n");
        for ($line = $from; $line < count($lines) && $lines[$line] !== $first; $line++);
        $from = $line + 1 + substr_count($entry, "\n");
        try {
            \Dotenv\Dotenv::parse($entry);
        } catch (\Throwable $error) {
            $key = preg_match('/^\s*(?:export\s+)?["\']?([A-Za-z_][A-Za-z0-9_.]*)/', $entry, $match) ? $match[1] : null;
            return ['what' => 'invalid', 'key' => $key, 'line' => $line + 1];
        }
    }
    return ['what' => 'invalid', 'key' => null, 'line' => null];
}

/** Put our own edits back in a file that somebody else has changed since; written to $in['to'] only when sure. */
function unedit(array $in): array
{
    boot(); // for its phpdotenv
    $content = (string) file_get_contents($in['from']);
    $before = parsed($in['from']);
    foreach ($in['edits'] as $edit) {
        $now = base64_decode($edit['now']);
        $back = base64_decode($edit['back']);
        $pattern = line_pattern($now);
        $there = preg_match_all($pattern, $content);
        if ($there === 0 && ($back === '' || preg_match_all(line_pattern($back), $content) === 1)) {
            continue; // it stands as it did before: our edit never came, or somebody has taken it back
        }
        if ($there !== 1) {
            return ['ok' => false];
        }
        $content = preg_replace_callback($pattern, function () use ($back) { return $back; }, $content);
    }
    file_put_contents($in['to'], $content);
    $after = parsed($in['to']);
    $sure = $before['values'] === null || ($after['values'] !== null && array_diff(differing($before['values'], $after['values']), $in['keys']) === []);
    return ['ok' => $sure];
}

/** A line as a whole. */
function line_pattern(string $line): string
{
    return '/(?<![^\r\n])' . preg_quote($line, '/') . '(?![^\r\n])/';
}

function differing(array $one, array $other): array
{
    $names = [];
    foreach ($one + $other as $name => $_) {
        $name = (string) $name;
        if (array_key_exists($name, $one) !== array_key_exists($name, $other) || ($one[$name] ?? null) !== ($other[$name] ?? null)) {
            $names[] = $name;
        }
    }
    sort($names);
    return $names;
}

// -------------------------------------------------------------------------------------------------- cached config

/** Which settings differ, by name; and the flag's own, with their new values. */
function diff_caches(array $in): array
{
    $live = flattened(load_cache($in['live']));
    $new = load_cache($in['new']);
    $flat = flattened($new);
    $changed = differing($live, $flat);
    $known = array_merge($in['settings'], $in['volatile'] ?? []);
    $answer = ['changed' => $changed, 'left' => array_values(array_filter($changed, function ($name) use ($known) { return !below($name, $known); })), 'got' => picked($new, $in['settings'])];
    if (isset($in['control'])) {
        $control = flattened(load_cache($in['control']));
        $answer['pending'] = [];
        $answer['volatile'] = [];
        foreach ($changed as $name) {
            if (($control[$name] ?? null) === ($flat[$name] ?? null)) {
                $answer['pending'][] = $name;
            } elseif (($control[$name] ?? null) !== ($live[$name] ?? null)) {
                $answer['volatile'][] = $name;
            }
        }
    }
    return $answer;
}

/** Whether a setting is one of these, or in one of them. */
function below(string $name, array $paths): bool
{
    foreach ($paths as $path) {
        if ($name === $path || strpos($name, $path . '.') === 0) {
            return true;
        }
    }
    return false;
}

/** Narrowing when no new cache can be built: the live one with only the flag's own settings changed. */
function patch(array $in): array
{
    $config = load_cache($in['live']);
    if ($config === [] || $in['set'] === []) {
        exit(1); // nothing that would switch the flag
    }
    foreach ($in['set'] as $path => $value) {
        $place = &$config;
        foreach (explode('.', $path) as $part) {
            if (!is_array($place) || !array_key_exists($part, $place)) {
                exit(1);
            }
            $place = &$place[$part];
        }
        if (is_array($value) && is_string($place)) {
            $value = implode(',', $value);
        }
        if (is_array($place) && array_key_exists('enabled', $place)) {
            $place['enabled'] = $value;
        } else {
            $place = $value;
        }
        unset($place);
    }
    file_put_contents($in['to'], '<?php return ' . var_export($config, true) . ';' . PHP_EOL);
    return ['got' => picked(load_cache($in['to']), array_keys($in['set']))];
}

function load_cache(string $file): array
{
    $config = @include $file;
    return is_array($config) ? $config : [];
}

/** @return array<string, string> each leaf under its dotted name, as a hash: values never leave this process */
function flattened(array $config, string $prefix = ''): array
{
    $flat = [];
    foreach ($config as $name => $value) {
        if (is_array($value) && $value !== []) {
            $flat += flattened($value, $prefix . $name . '.');
        } else {
            $flat[$prefix . $name] = hash('sha256', var_export($value, true));
        }
    }
    return $flat;
}

/** @return object the values at dotted paths; a path that is not there is left out */
function picked(array $config, array $paths)
{
    $values = [];
    foreach ($paths as $path) {
        $place = $config;
        foreach (explode('.', $path) as $part) {
            if (!is_array($place) || !array_key_exists($part, $place)) {
                continue 2;
            }
            $place = $place[$part];
        }
        $values[$path] = $place;
    }
    return (object) $values;
}

// ----------------------------------------------------------------------------------------------------- its answers

/** Ask each request until it answers as expected or its time is over. Redirects are not followed. */
function ask(array $in): array
{
    $answers = [];
    $start = now();
    foreach ($in['requests'] as $request) {
        do {
            $answer = judged($request, exchange($request));
            $over = now() - $start >= $request['within'];
            if (!$answer['ok'] && !$over) {
                usleep(100000);
            }
        } while (!$answer['ok'] && !$over);
        $answer['waited_ms'] = (int) round((now() - $start) * 1000);
        $answers[] = $answer;
        if (!$answer['ok'] && !empty($in['stop'])) {
            break; // the change goes back anyway; each further one would wait as long
        }
    }
    return ['answers' => $answers];
}

/**
 * Ask again and again, as long as a process lives: the path of a file with requests comes on one fifo, a line with the
 * answers goes to another. A quarter of an hour without any is the end, too.
 */
function serve(string $asks, string $asked, int $pid): void
{
    $in = fopen($asks, 'r+'); // it never ends: whoever asks opens it, and closes it again
    for ($idle = 0; $idle < 180 && file_exists("/proc/$pid"); $idle++) {
        $ready = [$in];
        $none = null;
        if (stream_select($ready, $none, $none, 5)) {
            $requests = json_decode((string) file_get_contents(rtrim((string) fgets($in), "\n")), true);
            file_put_contents($asked, as_json(ask($requests)) . "\n");
            $idle = 0;
        }
    }
}

/** Seconds since some moment; a clock that is set meanwhile makes no wait longer or shorter. */
function now(): float
{
    return hrtime(true) / 1e9;
}

function judged(array $request, array $got): array
{
    $wrong = null;
    if ($got['error'] === null && in_array($got['status'], $request['expect'], true) && $request['json']) {
        $body = json_decode($got['body'], true);
        foreach ($request['json'] as $path => $value) {
            $actual = is_array($body) ? (array) picked($body, [$path]) : [];
            if (!array_key_exists($path, $actual) || $actual[$path] !== $value) {
                $wrong = $got['body'] === '' ? 'an empty body' : (is_array($body) ? "'$path' is not as expected" : 'a body that is not JSON');
                break;
            }
        }
    }
    $ok = $got['error'] === null && $wrong === null && in_array($got['status'], $request['expect'], true);
    $answer = ['id' => $request['id'], 'ok' => $ok, 'status' => $got['status'], 'ms' => $got['ms'], 'error' => $got['error'] ?? $wrong];
    return isset($request['number']) ? $answer + ['number' => number_in($got['body'], $request['number'])] : $answer;
}

/** A number in a JSON body, and nothing else of it; null where there is none. */
function number_in(string $body, string $path)
{
    $data = json_decode($body, true);
    $found = is_array($data) ? ((array) picked($data, [$path]))[$path] ?? null : null;
    return is_int($found) || is_float($found) ? $found : null;
}

/** One request over a socket: PHP's http:// wrapper follows proxies and needs allow_url_fopen. */
function exchange(array $request): array
{
    $start = now();
    $got = ['status' => null, 'body' => '', 'error' => null, 'ms' => 0];
    $socket = connected($request, $got);
    if ($socket !== null) {
        fwrite($socket, request_text($request));
        stream_set_timeout($socket, (int) ceil($request['timeout']));
        $answer = received($socket, $start + $request['timeout']);
        fclose($socket);
        if (preg_match('#^HTTP/[\d.]+ (\d{3})#', $answer, $match)) {
            $got['status'] = (int) $match[1];
            list($head, $body) = explode("\r\n\r\n", $answer, 2) + [1 => ''];
            $got['body'] = stripos($head, 'transfer-encoding: chunked') === false ? $body : dechunked($body);
        } else {
            $got['error'] = $answer === '' ? 'no answer' : 'an answer that is not HTTP';
        }
    }
    $got['ms'] = (int) round((now() - $start) * 1000);
    return $got;
}

function connected(array $request, array &$got)
{
    $context = stream_context_create(['ssl' => ['verify_peer' => false, 'verify_peer_name' => false, 'peer_name' => preg_replace('/:\d+$/', '', $request['host']), 'SNI_enabled' => true]]);
    foreach ($request['addresses'] as $address) {
        $transport = $request['scheme'] === 'https' ? 'ssl' : 'tcp';
        $socket = @stream_socket_client("$transport://$address", $code, $message, $request['timeout'], STREAM_CLIENT_CONNECT, $context);
        if ($socket !== false) {
            $got['error'] = null;
            return $socket;
        }
        $got['error'] = $code === 111 || $code === 61 ? "connection refused at $address" : ($code === 110 ? "no answer from $address" : "no connection to $address");
    }
    return null;
}

function request_text(array $request): string
{
    $lines = ["GET {$request['path']} HTTP/1.1", "Host: {$request['host']}", 'Connection: close', 'User-Agent: rolloutctl'];
    foreach ($request['headers'] as $name => $value) {
        $lines[] = "$name: $value";
    }
    return implode("\r\n", $lines) . "\r\n\r\n";
}

function received($socket, float $deadline): string
{
    $answer = '';
    while (!feof($socket) && strlen($answer) < 262144 && now() < $deadline) {
        $piece = fread($socket, 8192);
        if ($piece === false || ($piece === '' && stream_get_meta_data($socket)['timed_out'])) {
            break;
        }
        $answer .= $piece;
    }
    return $answer;
}

function dechunked(string $body): string
{
    $whole = '';
    while (preg_match('/^([0-9a-fA-F]+)[^\r\n]*\r\n/', $body, $match) && ($size = hexdec($match[1])) > 0) {
        $whole .= substr($body, strlen($match[0]), (int) $size);
        $body = substr($body, strlen($match[0]) + (int) $size + 2);
    }
    return $whole;
}
