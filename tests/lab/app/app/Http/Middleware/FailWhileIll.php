<?php

namespace App\Http\Middleware;

use Closure;
use Illuminate\Http\Request;
use RuntimeException;

/**
 * storage/app/ill makes every page fail; with a feature's name in its first line, only while that feature is on.
 * Its second line says how: by a 500, `garbled` by a 200 that holds something else, `silent` by no answer at all.
 */
class FailWhileIll
{
    public function handle(Request $request, Closure $next)
    {
        $file = storage_path('app/ill');
        if (is_file($file)) {
            [$feature, $how] = explode("\n", file_get_contents($file)."\n\n");
            if ($feature === '' || config("features.$feature")) {
                return $this->fail($how);
            }
        }

        return $next($request);
    }

    private function fail(string $how)
    {
        if ($how === 'garbled') {
            return response('<p>Whoops</p>');
        }
        if ($how === 'silent') {
            sleep(5);
        }
        throw new RuntimeException('SQLSTATE[HY000] [2002] Connection refused');
    }
}
