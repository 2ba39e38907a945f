<?php

namespace App\Http\Middleware;

use Closure;
use Illuminate\Http\Request;

/** A feature that is off does not exist: 404. Where companies are listed, it exists for those only. */
class CheckFeatureFlag
{
    public function handle(Request $request, Closure $next, string $feature)
    {
        abort_unless((bool) config("features.$feature"), 404);

        $companies = config("features.{$feature}_test_companies", []);
        // The header stands in for the company of the user who is logged in.
        abort_if($companies !== [] && ! in_array((int) $request->header('X-Company'), $companies, true), 404);

        return $next($request);
    }
}
