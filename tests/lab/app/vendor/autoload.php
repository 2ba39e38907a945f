<?php

// Laravel 8 speaks of deprecations under PHP 8.2 before its own error handler stands.
error_reporting(E_ALL & ~E_DEPRECATED & ~E_USER_DEPRECATED);

// Debian's packages stand where Composer's would: /usr/share/php is in PHP's include_path.
require_once 'Illuminate/autoload.php';
require_once 'Dotenv/autoload.php';

spl_autoload_register(function (string $class): void {
    $file = dirname(__DIR__).'/app/'.str_replace('\\', '/', substr($class, 4)).'.php';
    if (str_starts_with($class, 'App\\') && is_file($file)) {
        require $file;
    }
});
