<?php

// Laravel 8 speaks of deprecations under PHP 8.2 before its own error handler stands.
error_reporting(E_ALL & ~E_DEPRECATED & ~E_USER_DEPRECATED);

// Debian's packages stand where Composer's would. Their own autoloaders list every class of every component, which
// takes longer to load than the application itself; so a class is looked for where its name says, as Composer does.
spl_autoload_register(function (string $class): void {
    $path = str_replace('\\', '/', $class).'.php';
    $places = str_starts_with($path, 'App/') ? [dirname(__DIR__).'/app'.substr($path, 3)] : [
        "/usr/share/php/$path",
        str_replace('Illuminate/Support/', '/usr/share/php/Illuminate/Collections/', $path),
        str_replace('Illuminate/Support/', '/usr/share/php/Illuminate/Macroable/', $path),
    ];
    foreach ($places as $place) {
        if (is_file($place)) {
            require $place;

            return;
        }
    }
});

foreach (['Illuminate/Collections', 'Illuminate/Support', 'Illuminate/Foundation'] as $component) {
    require_once "/usr/share/php/$component/helpers.php";
}
require_once '/usr/share/php/Illuminate/Events/functions.php';
require_once '/usr/share/php/Symfony/Component/String/Resources/functions.php';
require_once '/usr/share/php/Symfony/Contracts/Deprecation/function.php';
