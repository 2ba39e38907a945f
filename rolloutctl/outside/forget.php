<?php

// Has a running php-fpm forget the application's cached config, and nothing else: no request waits, none is cut.
//
//     php -r CODE SOCKET SECONDS  where the pool listens, a path or an address with a port; how long it may take
//
// opcache lives in php-fpm, so php-fpm has to be asked: over FastCGI, to run a script that we put beside the cached config
// for that moment, where its pool can read it. `x` follows no link, and whoever else may write there could write the
// cached config as well. What it means: FastCGI 1.0; php.net/opcache_invalidate.

exit(forget((string) ($argv[1] ?? ''), (int) ($argv[2] ?? 30)));

function forget(string $socket, int $seconds): int
{
    $cache = cached_config();
    if ($cache === null) {
        echo "no config cache stands\n";
        return 0;
    }
    umask(022);
    sweep(dirname($cache));
    $script = dirname($cache) . '/rolloutctl-' . bin2hex(random_bytes(8)) . '.php';
    $file = @fopen($script, 'x');
    if ($file === false) {
        return failed('the folder of the config cache cannot be written: ' . dirname($cache));
    }
    $code = '<?php echo !function_exists("opcache_invalidate") || !filter_var(ini_get("opcache.enable"), FILTER_VALIDATE_BOOLEAN)'
        . ' ? "no opcache" : (@opcache_invalidate(' . var_export($cache, true) . ', true) ? "forgotten" : "refused");';
    try {
        fwrite($file, $code);
        fclose($file);
        [$said, $why] = asked($socket, $script, $seconds);
    } finally {
        @unlink($script);
    }
    if ($said === 'refused') {
        return failed('php-fpm lets no script of the application do that: see opcache.restrict_api');
    }
    if ($said !== 'forgotten' && $said !== 'no opcache') {
        return failed($why ?: 'php-fpm does not answer as asked; is it the pool of this application?');
    }
    echo "$said\n";
    return 0;
}

/** As the application says; an application that no longer starts is one to switch a feature off in, at Laravel's usual place. */
function cached_config(): ?string
{
    $path = getcwd() . '/bootstrap/cache/config.php';
    try {
        if (is_file(getcwd() . '/vendor/autoload.php')) {
            require_once getcwd() . '/vendor/autoload.php';
            $path = (require getcwd() . '/bootstrap/app.php')->getCachedConfigPath();
        }
    } catch (\Throwable $error) {
        // the usual place it is
    }
    return realpath($path) ?: null;
}

/** Scripts of ours that were left when somebody killed us. */
function sweep(string $folder): void
{
    foreach (glob($folder . '/rolloutctl-' . str_repeat('[0-9a-f]', 16) . '.php') ?: [] as $left) {
        if (@filemtime($left) < time() - 3600) {
            @unlink($left);
        }
    }
}

function failed(string $why): int
{
    fwrite(STDERR, "$why\n");
    return 1;
}

/** What the pool's answer to the script holds behind its headers; or why there is none. */
function asked(string $socket, string $script, int $seconds): array
{
    $address = $socket !== '' && $socket[0] === '/' ? "unix://$socket" : "tcp://$socket";
    $until = "; until it is restarted, it may keep the old config";
    $line = @stream_socket_client($address, $number, $problem, $seconds);
    if ($line === false) {
        return ['', "php-fpm is not reached at $socket: $problem$until"];
    }
    stream_set_timeout($line, $seconds);
    $about = ['GATEWAY_INTERFACE' => 'CGI/1.1', 'SERVER_PROTOCOL' => 'HTTP/1.1', 'REQUEST_METHOD' => 'GET', 'SCRIPT_FILENAME' => $script, 'SCRIPT_NAME' => '/' . basename($script), 'REQUEST_URI' => '/' . basename($script), 'QUERY_STRING' => '', 'REMOTE_ADDR' => '127.0.0.1'];
    $parameters = '';
    foreach ($about as $name => $value) {
        $parameters .= length($name) . length($value) . $name . $value;
    }
    fwrite($line, record(1, pack('nCx5', 1, 0)) . record(4, $parameters) . record(4, '') . record(5, ''));
    $output = '';
    while (strlen($header = (string) stream_get_contents($line, 8)) === 8) {
        $of = unpack('Cversion/Ctype/nid/nlength/Cpadding', $header);
        $content = $of['length'] + $of['padding'] ? (string) stream_get_contents($line, $of['length'] + $of['padding']) : '';
        if ($of['type'] === 3) {
            return [trim((string) substr((string) strstr($output, "\r\n\r\n"), 4)), ''];
        }
        if ($of['type'] === 6 && strlen($output) < 65536) {
            $output .= substr($content, 0, $of['length']);
        }
    }
    return ['', "php-fpm at $socket gives no answer$until"];
}

function record(int $type, string $content): string
{
    return pack('CCnnCx', 1, $type, 1, strlen($content), 0) . $content;
}

function length(string $text): string
{
    return strlen($text) < 128 ? chr(strlen($text)) : pack('N', strlen($text) | 0x80000000);
}
