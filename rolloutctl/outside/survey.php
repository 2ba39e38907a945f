<?php

// What `init` asks the application's own PHP: its FEATURE_ keys, and which setting of config/ each one decides.
//
//     cat host.php survey.php | php -- survey
//
// Run in the application's folder by survey.sh, behind host.php without its `main`, whose way to boot and to read .env
// it shares. Each answer is a line of the protocol: what is said already is said when a config file ends the process.
// No value leaves it: of a key's value only the kind, of the settings only their names.

function survey(): void
{
    $began = microtime(true);
    $application = boot();
    say('laravel', PHP_VERSION, (string) $application['version'], (string) $application['error']);
    $parsed = parsed($application['env'] ?: getcwd() . '/.env');
    if ($parsed['values'] === null) {
        say('invalid', (string) $parsed['error']['what'], (string) $parsed['error']['key'], (string) $parsed['error']['line']);
        exit(1);
    }
    $kinds = kinds($parsed['values']);
    foreach ($kinds as $key => $kind) {
        say_line('key ' . base64_encode($key) . ' ' . $kind);
    }
    if ($application['cache'] !== null && is_file($application['cache'])) {
        say_held(array_keys($kinds), load_cache($application['cache']));
    }
    if ($application['error'] === null) {
        foreach ($parsed['values'] as $name => $value) {
            force((string) $name, (string) $value);
        }
        say_settings($kinds, $parsed['values'], $began + 15);
    }
}

/** @return array<string, string> switch, digit, list, empty or other, by key */
function kinds(array $values): array
{
    $kinds = [];
    foreach ($values as $key => $value) {
        $key = (string) $key;
        if (strpos($key, 'FEATURE_') === 0) {
            $kinds[$key] = kind(strtolower(trim((string) $value)));
        }
    }
    return $kinds;
}

function kind(string $value): string
{
    if ($value === '' || $value === 'null' || $value === '(null)' || $value === '(empty)' || $value === 'empty') {
        return 'empty';
    }
    if (in_array(trim($value, '()'), ['true', 'false', 'on', 'off', 'yes', 'no'], true)) {
        return 'switch';
    }
    if ($value === '0' || $value === '1') {
        return 'digit';
    }
    return preg_match('/^\d+(\s*,\s*\d+)*,?$/', $value) ? 'list' : 'other';
}

/** Which keys have their setting in the live cache where an environments.yaml that names none would look for it. */
function say_held(array $keys, array $cache): void
{
    foreach ($keys as $key) {
        $path = 'features.' . strtolower(substr((string) $key, 8));
        if ((array) picked($cache, [$path]) !== []) {
            say_line('held ' . base64_encode((string) $key));
        }
    }
}

/** Evaluates config/ twice for each key, forced to two values, and says which settings differ. */
function say_settings(array $kinds, array $values, float $deadline): void
{
    $files = config_files(getcwd() . '/config');
    settings_of($files);
    $files = array_diff_key($files, declaring($files)); // a second time would be a fatal error
    $volatile = decided(settings_of($files), settings_of($files));
    if ($volatile !== []) {
        say('volatile', implode("\n", $volatile));
    }
    foreach ($kinds as $key => $kind) {
        if (microtime(true) > $deadline) {
            return;
        }
        $listed = $kind === 'list' || substr($key, -10) === '_COMPANIES';
        $on = settings_with($key, $listed ? '1' : 'true', $files);
        $off = settings_with($key, $listed ? '2' : 'false', $files);
        force($key, (string) $values[$key]);
        $own = $also = [];
        foreach (array_diff(decided($on, $off), $volatile) as $name) {
            if (tells((array) picked($on, [$name]), (array) picked($off, [$name]), $listed)) {
                $own[] = $name;
            } else {
                $also[] = $name;
            }
        }
        say('settings', $key, implode("\n", $own), implode("\n", $also));
    }
}

/** Whether a setting holds the key itself: the list, or a value that is true and false to PHP as the key is. */
function tells(array $on, array $off, bool $listed): bool
{
    $on = reset($on);
    $off = reset($off);
    return $listed ? is_array($on) || is_scalar($on) : $on && !$off;
}

/** @return array<string, string> each config file by the name that Laravel gives it, in Laravel's order */
function config_files(string $folder): array
{
    $files = [];
    if (is_dir($folder)) {
        $below = new RecursiveIteratorIterator(new RecursiveDirectoryIterator($folder, FilesystemIterator::SKIP_DOTS));
        foreach ($below as $file) {
            if ($file->isFile() && $file->getExtension() === 'php') {
                $name = substr($file->getPathname(), strlen($folder) + 1, -4);
                $files[str_replace(DIRECTORY_SEPARATOR, '.', $name)] = $file->getPathname();
            }
        }
    }
    ksort($files, SORT_NATURAL);
    return $files;
}

/** Files that declare functions or classes. */
function declaring(array $files): array
{
    $declaring = [];
    foreach (get_defined_functions()['user'] as $function) {
        $declaring[(string) (new ReflectionFunction($function))->getFileName()] = true;
    }
    foreach (get_declared_classes() as $class) {
        if (strpos($class, 'class@anonymous') === false) {
            $declaring[(string) (new ReflectionClass($class))->getFileName()] = true;
        }
    }
    return array_filter($files, function ($file) use ($declaring) { return isset($declaring[realpath($file)]); });
}

function settings_with(string $key, string $value, array $files): array
{
    force($key, $value);
    return settings_of($files);
}

/** What the files hold; one that throws is left out. */
function settings_of(array $files): array
{
    $container = class_exists('Illuminate\Container\Container') ? \Illuminate\Container\Container::getInstance() : null;
    $repository = class_exists('Illuminate\Config\Repository') ? new \Illuminate\Config\Repository([]) : null;
    if ($container !== null && $repository !== null) {
        $container->instance('config', $repository); // config files may ask those before them
    }
    $settings = [];
    foreach ($files as $name => $file) {
        $found = one_of($file);
        if (is_array($found)) {
            $settings = placed($settings, explode('.', (string) $name), $found);
            if ($repository !== null) {
                $repository->set((string) $name, $found);
            }
        }
    }
    return $settings;
}

/** The settings of a folder below config/ stand below its name. */
function placed(array $settings, array $path, array $found): array
{
    $name = array_shift($path);
    $below = isset($settings[$name]) && is_array($settings[$name]) ? $settings[$name] : [];
    $settings[$name] = $path === [] ? $found : placed($below, $path, $found);
    return $settings;
}

function one_of(string $file)
{
    ob_start();
    try {
        return require $file;
    } catch (\Throwable $error) {
        return null;
    } finally {
        ob_end_clean();
    }
}

/** @return string[] the dotted names of the settings that differ; a list counts as one setting */
function decided(array $one, array $other, string $prefix = ''): array
{
    $names = [];
    foreach ($one as $name => $value) {
        $there = array_key_exists($name, $other) ? $other[$name] : null;
        if (is_array($value) && is_array($there) && !is_sequence($value) && !is_sequence($there)) {
            $names = array_merge($names, decided($value, $there, $prefix . $name . '.'));
        } elseif (!alike($value, $there)) {
            $names[] = $prefix . $name;
        }
    }
    return array_slice($names, 0, 20);
}

function is_sequence(array $value): bool
{
    return array_keys($value) === ($value === [] ? [] : range(0, count($value) - 1));
}

function alike($one, $other): bool
{
    if (is_object($one) || is_object($other) || is_resource($one) || is_resource($other)) {
        return true; // a closure is another one each time
    }
    return is_array($one) && is_array($other) ? json_encode($one) === json_encode($other) : $one === $other;
}

function force(string $key, string $value): void
{
    $_ENV[$key] = $_SERVER[$key] = $value;
    if (strpos($key, '=') === false && strpos($key . $value, "\0") === false && $key !== '') {
        putenv("$key=$value");
    }
}

function say(string $kind, string ...$texts): void
{
    $tokens = array_map(function ($text) { return base64_encode($text) ?: '-'; }, $texts);
    say_line($kind . ' ' . implode(' ', $tokens));
}

function say_line(string $words): void
{
    static $out = null; // no constant STDOUT: the program itself came over stdin
    $out = $out ?: fopen('php://stdout', 'w');
    fwrite($out, "\n@rc1 $words\n");
    fflush($out);
}
