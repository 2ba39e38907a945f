<?php

use Illuminate\Support\Facades\Route;

Route::get('/health', fn () => ['status' => 'ok']);
Route::get('/portal', fn () => 'The customer portal')->middleware('feature:customer_portal');
Route::get('/bulk', fn () => 'Bulk export')->middleware('feature:bulk_export');
Route::get('/admin/login', fn () => 'Log in');
