<?php

namespace App\Providers;

use Illuminate\Foundation\Providers\ArtisanServiceProvider;

/** The few of artisan's own commands that the lab needs: all ninety take as long again to load, in every build. */
class ConsoleServiceProvider extends ArtisanServiceProvider
{
    protected $commands = [
        'ConfigCache' => 'command.config.cache',
        'ConfigClear' => 'command.config.clear',
        'QueueRestart' => 'command.queue.restart',
        'QueueWork' => 'command.queue.work',
    ];

    protected $devCommands = [];
}
