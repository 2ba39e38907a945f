<?php

namespace App\Http;

use Illuminate\Foundation\Http\Kernel as HttpKernel;

class Kernel extends HttpKernel
{
    protected $middleware = [
        \Illuminate\Foundation\Http\Middleware\PreventRequestsDuringMaintenance::class,
        \App\Http\Middleware\FailWhileIll::class,
    ];

    protected $routeMiddleware = [
        'feature' => \App\Http\Middleware\CheckFeatureFlag::class,
    ];
}
