<?php

namespace App\Http\Middleware;

use Closure;
use Illuminate\Http\Request;
use RuntimeException;

/** storage/app/ill makes every page fail; with a feature's name in it, only while that feature is on. */
class FailWhileIll
{
    public function handle(Request $request, Closure $next)
    {
        $file = storage_path('app/ill');
        if (is_file($file)) {
            $feature = trim(file_get_contents($file));
            if ($feature === '' || config("features.$feature")) {
                throw new RuntimeException('SQLSTATE[HY000] [2002] Connection refused');
            }
        }

        return $next($request);
    }
}
